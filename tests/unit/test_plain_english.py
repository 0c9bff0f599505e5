"""Plain English in code, documents and pages, as far as a program can check it; and the checks find what they must."""

import ast

import pytest

from tests.plain_english import FIRST_WORDS_REFUSED, refused_first_words, refused_phrases
from tests.test_architecture import FILES, ROOT, tree

PROSE = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    + [path for ending in ("html", "js", "css") for path in (ROOT / "webapp").rglob(f"*.{ending}")]
)
"""Documents, pages and scripts, whose words are checked like those of the code."""

EXAMPLES = {ROOT / "tests" / "plain_english.py", ROOT / "tests" / "unit" / "test_plain_english.py"}


def test_the_first_line_of_every_docstring_stands_alone():
    found = [
        f"{FILES[module].relative_to(ROOT)}:{line}: {rule}"
        for module in FILES
        for line, rule in refused_first_words(tree(module))
    ]
    assert not found, "\n".join(["docstrings without a subject:", *found])


def test_no_text_uses_a_phrase_that_readers_must_decode():
    found = [
        f"{path.relative_to(ROOT)}:{line}: {rule}"
        for path in {*FILES.values(), *PROSE} - EXAMPLES
        for line, rule in refused_phrases(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(["phrases that are not plain English:", *sorted(found)])


@pytest.mark.parametrize("word", sorted(FIRST_WORDS_REFUSED))
def test_docstrings_of_modules_classes_functions_and_constants_begin_with_a_subject(word):
    source = f'''"""{word.title()} is in here."""

LIMIT = 3
"""{word.upper()} nobody passes."""

class Partition:
    """A partition, {word} it is."""

    def owner(self):
        """`{word}` owns it."""
'''
    found = list(refused_first_words(ast.parse(source)))
    assert [line for line, _ in found] == [1, 4, 10]
    assert found[0][1].startswith(f"a docstring begins with '{word.title()}': ")


def test_other_first_words_and_ordinary_strings_are_accepted():
    source = (
        '"""Offsets by partition."""\nREASON = "Who knows"\n\ndef when():\n    """Whether the lease has expired."""\n'
    )
    assert list(refused_first_words(ast.parse(source))) == []


@pytest.mark.parametrize(
    ("text", "line", "named"),
    [
        ("x = 1\n# no quote is to\n    # be  Had here\n", 2, "'to be Had': say 'available'"),
        ('def f():\n    """It waits In vain."""\n', 2, "'In vain': "),
        ('raise Error("a queue of ours")', 1, "'of ours': "),
        ("# Letters\n\nLetters are\nburied there.", 4, "'buried': say 'stored as a dead letter'"),
        ("// Whoever\n// looks\n// back\n", 2, "'looks back': "),
    ],
)
def test_refused_phrases_are_found_in_comments_docstrings_messages_and_prose(text, line, named):
    ((found_line, rule),) = refused_phrases(text)
    assert found_line == line
    assert rule.startswith(named)


def test_words_that_only_contain_a_refused_phrase_are_accepted():
    assert list(refused_phrases("profit in vaingloriousness, hours of oursX; it takes up to 5 s; to be hadoop")) == []
