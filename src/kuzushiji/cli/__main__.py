import sys

from kuzushiji.__main__ import main

sys.exit(main())
