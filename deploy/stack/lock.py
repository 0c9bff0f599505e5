"""Lock that lets only one command at a time change the stack of a checkout."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.stack import stack_folder
from deploy.stack.failure import StackError
from deploy.stack.paths import LOCK


@contextmanager
def exclusive(command: str) -> Iterator[None]:
    """Holds the lock during the block. Raises StackError if another command holds it. The kernel releases the lock when
    the process ends.
    """
    stack_folder.ensure()
    stack_folder.close_to_others()
    with LOCK.open("a+", errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "another command"
            raise StackError(f"{holder} is running in this checkout: wait for it, or stop it") from error
        file.truncate(0)
        file.write(f"`make {command}` (pid {os.getpid()})")
        file.flush()
        yield
        file.truncate(0)
