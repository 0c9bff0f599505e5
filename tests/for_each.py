"""One test of a rule that holds for each of many things. Thousands of tests would take longer to report than to run."""

from collections.abc import Callable, Iterable


def for_each(things: Iterable[str]) -> Callable[[Callable[[str], None]], Callable[[], None]]:
    """Makes a test of a check of one thing. The test fails with what the check says of each thing that fails."""

    def made_of(check: Callable[[str], None]) -> Callable[[], None]:
        def test() -> None:
            faults, checked = [], 0
            for thing in things:
                checked += 1
                try:
                    check(thing)
                except AssertionError as error:
                    faults.append(f"{thing}: {error}")
            assert checked and not faults, "\n".join(faults)

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return made_of
