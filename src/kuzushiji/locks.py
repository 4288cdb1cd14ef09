"""The lock that keeps two programs from writing into one folder, and what is said where a file system has none."""

import errno
import os
from pathlib import Path
from typing import Any

import filelock

from kuzushiji.errors import KuzushijiError

_NONE = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class FileLock(filelock.FileLock):
    """As filelock has it.

    Raises:
        KuzushijiError: when it is acquired: the file system keeps no locks.
    """

    def acquire(self, *args: Any, **more: Any) -> Any:
        """Takes the lock, as `filelock.FileLock.acquire` does."""
        try:
            return super().acquire(*args, **more)
        except (OSError, NotImplementedError) as error:
            if isinstance(error, OSError) and error.errno not in _NONE:
                raise
            raise KuzushijiError(
                f"{Path(os.fspath(self.lock_file)).parent} is on a file system that keeps no locks, so that two "
                "programs could spoil each other's files; use a folder on another one (KUZUSHIJI_HOME names "
                "kuzushiji's own)"
            ) from None
