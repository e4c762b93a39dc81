"""What is known of what the page of an app loads."""

from sandbox.application.loads import Loads
from sandbox.ports import Fetched

BUNDLE = "/node_modules/.vite/deps/react.js?v=1"
CLIENT = "/@vite/client"
SOURCE = "/src/a.ts"


def module(size: int = 1) -> Fetched:
    return Fetched(200, "text/javascript", b"x" * size)


def test_bundles_are_kept_for_good_and_other_modules_never() -> None:
    loads = Loads()
    for target in (BUNDLE, CLIENT, SOURCE):
        loads.keep(target, module())
    loads.outdated()
    kept = [bool(loads.kept(target)) for target in (BUNDLE, CLIENT, SOURCE)]
    assert kept == [True, False, False]


def test_what_a_server_answered_before_holds_until_files_change() -> None:
    loads = Loads([SOURCE], {CLIENT: module(), BUNDLE: module()})
    assert loads.kept(CLIENT)
    assert SOURCE in loads.modules
    loads.outdated()
    assert loads.kept(CLIENT) is None
    assert loads.kept(BUNDLE)
    assert not loads.modules


def test_what_was_found_among_older_files_is_not_told() -> None:
    loads = Loads()
    loads.found([SOURCE])
    assert SOURCE in loads.modules
    loads.outdated()
    loads.found([SOURCE])
    assert not loads.modules


def test_what_says_of_itself_what_no_answer_can_is_not_kept() -> None:
    loads = Loads()
    loads.keep(BUNDLE, Fetched(200, "text/javascript; x=\xe9", b"x"))
    assert loads.kept(BUNDLE) is None


def test_an_app_has_no_more_kept_than_a_bound() -> None:
    loads = Loads()
    for number in range(5):
        loads.keep(f"{BUNDLE}{number}", module(4_000_000))
    kept = [bool(loads.kept(f"{BUNDLE}{number}")) for number in range(5)]
    assert kept == [True, True, False, False, False]
