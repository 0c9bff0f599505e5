"""Folder names that other programs misread in their configuration files."""

ODD_NAMES = (
    *("Даша", "日本", "Łódź", "🎉"),
    *("with space", " leads", "trails ", "a #b", "a#b", "a ;b", "a;b", "#", ";"),
    *("it's", 'say "so"', "`id`", "$HOME", "$(id)", "${x}", "100%", "%(here)s", "%(ENV_PATH)s", "%%"),
    *("back\\slash", "a&b", "a|b", "a<b>", "!", "~", "-dash", "*", "q?", "[x]", "{x}", "a,b", "a=b", "a:b"),
    *("new\nline", "tab\tbed"),
)
"""Names with one oddity each. One has a colon: Python makes no virtual environment under such a path."""

ODD_PATH = "/".join(("Łódź 日本", "a #b ;c", 'it\'s "so"', "`id` $HOME", "100% %(here)s", "back\\slash & |", "[x]*?"))
"""Several oddities in one path."""
