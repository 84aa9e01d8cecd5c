"""The munge key."""

import getpass

import pytest
from pod.keys import hkdf_sha256, munge_key, write_private


# RFC 5869, appendix A.1 to A.3.
@pytest.mark.parametrize(
    ("secret", "salt", "info", "length", "key"),
    [
        ("0b" * 22, "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9", 42,
         "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
        (bytes(range(0x50)).hex(), bytes(range(0x60, 0xB0)).hex(), bytes(range(0xB0, 0x100)).hex(), 82,
         "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8"
         "367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"),
        ("0b" * 22, "", "", 42,
         "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
    ],
)  # fmt: skip
def test_the_derivation_is_hkdf(secret, salt, info, length, key):
    assert hkdf_sha256(bytes.fromhex(secret), bytes.fromhex(salt), bytes.fromhex(info), length).hex() == key


def test_all_pods_of_a_cluster_have_one_key_and_no_other_cluster_has_it():
    key = munge_key("a secret", "lab")
    assert key == munge_key("a secret", "lab")
    assert len(key) == 128
    assert len({key, munge_key("a secret", "lab2"), munge_key("b secret", "lab")}) == 3
    assert b"a secret" not in key


@pytest.mark.parametrize("length", [0, -1, 8161])
def test_lengths_that_hkdf_cannot_make_are_errors(length):
    with pytest.raises(ValueError, match="8160"):
        hkdf_sha256(b"x", b"", b"", length)


def test_a_private_file_is_its_owner_s_from_the_first_moment_and_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "munge" / "munge.key"
    for content in (b"one", b"two"):
        write_private(path, content, getpass.getuser())
        assert path.read_bytes() == content
        assert path.stat().st_mode & 0o777 == 0o400
    assert list(path.parent.iterdir()) == [path]
