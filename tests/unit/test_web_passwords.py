"""Passwords of the site: checking the password of a person who does not exist takes as long as anybody's."""

import argon2
import pytest
from argon2.exceptions import VerifyMismatchError

from webapp import passwords


def test_nobodys_hash_has_the_parameters_of_a_new_one_and_no_password():
    ours, nobodys = passwords.hashed("correct horse battery"), passwords._NOBODYS_HASH
    assert argon2.extract_parameters(nobodys) == argon2.extract_parameters(ours)
    assert len(nobodys) == len(ours)
    with pytest.raises(VerifyMismatchError):  # not InvalidHashError, which comes at once
        argon2.PasswordHasher().verify(nobodys, "correct horse battery")
