"""Folder names that other programs' configuration files read wrongly."""

ODD_NAMES = (
    *("Даша", "日本", "Łódź", "🎉"),
    *("with space", " leads", "trails ", "a #b", "a#b", "a ;b", "a;b", "#", ";"),
    *("it's", 'say "so"', "`id`", "$HOME", "$(id)", "${x}", "100%", "%(here)s", "%(ENV_PATH)s", "%%"),
    *("back\\slash", "a&b", "a|b", "a<b>", "!", "~", "-dash", "*", "q?", "[x]", "{x}", "a,b", "a=b", "a:b"),
    *("new\nline", "tab\tbed"),
)
"""Names with one oddity each. A checkout may not contain a colon, because Python makes no virtual environment there."""

ODD_PATH = "/".join(("Łódź 日本", "a #b ;c", 'it\'s "so"', "`id` $HOME", "100% %(here)s", "back\\slash & |", "[x]*?"))
"""Several oddities in one path."""
