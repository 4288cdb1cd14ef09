import sys

from kuzushiji.cli import main

sys.exit(main())
