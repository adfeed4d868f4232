"""The tokens in a recipient's links: whole or nothing, whatever is done to them."""

import base64
import random
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.mail.recipient_token import RecipientToken, SharedCopy, TokenKeys
from functions.shared.records.address_hash import address_hash

OLD, NEW = "an-old-key-of-thirty-two-letters", "a-new-key-of-thirty-two-letters!"
KEYS = TokenKeys([NEW])
TOKEN = RecipientToken("u42", "weekly-sales", address_hash("boss@example.com"))

ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(ids, ids, st.sampled_from(["", address_hash("boss@example.com")]))
def test_a_token_is_read_as_it_was_made_and_stands_in_a_link_as_it_is(user: str, subscription: str, copy: str) -> None:
    token = RecipientToken(user, subscription, copy)
    text = KEYS.make(token)
    assert KEYS.read(text) == token
    assert quote(text, safe="") == text
    # A recipient has one link, and not another with every email.
    assert KEYS.make(token) == text


def test_no_id_and_no_address_can_be_read_in_it() -> None:
    text = KEYS.make(TOKEN)
    seen = text.encode() + base64.urlsafe_b64decode(text + "==")
    for hidden in ("u42", "weekly", "sales", "boss", "example", TOKEN.copy_of, NEW):
        assert hidden.encode() not in seen


def test_ids_are_not_mistaken_for_one_another() -> None:
    tokens = [RecipientToken("ab", "c"), RecipientToken("a", "bc"), RecipientToken("a", "b", "c")]
    assert len({KEYS.make(token) for token in tokens}) == 3


def test_keys_can_be_changed_and_old_mails_keep_their_links() -> None:
    old = TokenKeys([OLD]).make(TOKEN)
    both = TokenKeys([NEW, OLD])
    assert both.read(old) == TOKEN
    assert both.make(TOKEN) == KEYS.make(TOKEN) != old
    assert KEYS.read(old) is None


def test_what_is_sealed_is_no_token_and_no_token_is_taken_for_it() -> None:
    content = ["u42", "weekly-sales", ""]
    assert KEYS.unseal(KEYS.seal(content)) == content
    assert KEYS.read(KEYS.seal(content)) is None
    assert KEYS.unseal(KEYS.make(TOKEN)) is None


def test_the_longest_ids_have_a_token_still() -> None:
    token = RecipientToken("ü" * 750, "ü" * 750)
    assert KEYS.read(KEYS.make(token)) == token
    copy = SharedCopy("ü" * 750, "ü" * 750, "a" * 900)
    assert KEYS.read_shared_copy(KEYS.make_shared_copy(copy)) == copy
    assert KEYS.read_shared_copy(KEYS.make(token)) is None


def mangled(text: str, count: int) -> list[str]:
    """Tokens that differ from a good one, and that look like one."""
    chance = random.Random(13)  # noqa: S311  examples, the same every time
    letters = string.ascii_letters + string.digits + "-_"
    made = [text[:-1], text[1:], text + "A", text + "=", text + "==", text * 2, text[::-1], text.lower(), f" {text}"]
    # Other texts of the same bytes, as a lenient reader has it.
    made += [text + "\n", f"{text[:9]}\n{text[9:]}", f"{text[:9]}.{text[9:]}", text.replace("-", "+") + "!"]
    while len(made) < count:
        place = chance.randrange(len(text))
        other = chance.choice(letters)
        match chance.randrange(4):
            case 0:
                made.append(text[:place] + other + text[place + 1 :])
            case 1:
                made.append(text[:place] + text[place + 1 :])
            case 2:
                made.append(text[:place] + other + text[place:])
            case _:
                made.append("".join(chance.choices(letters, k=len(text))))
    return [each for each in made if each != text]


def test_nothing_that_differs_from_a_token_is_one() -> None:
    texts = mangled(KEYS.make(TOKEN), 500)
    assert len(texts) > 480
    assert [text for text in texts if KEYS.read(text) is not None] == []


def test_no_bit_of_a_token_can_be_changed() -> None:
    text = KEYS.make(TOKEN)
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    for number in range(8 * len(raw)):
        flipped = bytearray(raw)
        flipped[number // 8] ^= 1 << number % 8
        assert KEYS.read(base64.urlsafe_b64encode(flipped).rstrip(b"=").decode()) is None, number


def test_no_part_of_a_token_is_one_nor_are_parts_of_two() -> None:
    text, other = KEYS.make(TOKEN), KEYS.make(RecipientToken("u43", "weekly-sales"))
    for place in range(1, len(text)):
        for made in (text[:place], text[place:], text[:place] + other[place:], other[:place] + text[place:]):
            # Both begin with the name of the key.
            assert made in {text, other} or KEYS.read(made) is None
        assert KEYS.read(f"{text}{other[:place]}") is None


def test_the_name_of_a_key_makes_no_token_of_anothers() -> None:
    both = TokenKeys([NEW, OLD])
    of_old, of_new = (TokenKeys([key]).make(TOKEN) for key in (OLD, NEW))
    raw_old, raw_new = (base64.urlsafe_b64decode(each + "=" * (-len(each) % 4)) for each in (of_old, of_new))
    for raw in (raw_new[:4] + raw_old[4:], raw_old[:4] + raw_new[4:], raw_new[:4], raw_new[:4] + raw_new):
        assert both.read(base64.urlsafe_b64encode(raw).rstrip(b"=").decode()) is None


def test_letters_that_only_look_the_same_are_others() -> None:
    text = KEYS.make(TOKEN)
    for place in range(0, len(text), 3):
        wide = chr(ord(text[place]) + 0xFEE0)
        made = [
            text[:place] + each + text[place:] for each in ("\u200b", "\u202e", "\u0301", "\ufeff", "%00", "/", "\\")
        ]
        for each in [text[:place] + wide + text[place + 1 :], *made]:
            assert KEYS.read(each) is None
            assert KEYS.unseal(each) is None


@pytest.mark.parametrize("text", ["", "A", "AAAA", "AAAAAAAA", "ü", "A" * 10_001, "../../users", "%00", "\x00"])
def test_nonsense_is_no_token(text: str) -> None:
    assert KEYS.read(text) is None
    assert KEYS.unseal(text) is None
