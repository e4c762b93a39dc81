"""Which models are asked when the environment names none, one or two."""

import pytest
from msgspec.structs import replace

from agent.settings import Settings
from chassis.settings import SettingsError

BARE = Settings(database_url="postgres://", nats_url="nats://")
ONE = replace(BARE, openrouter_model="a/b")
TWO = replace(ONE, openrouter_design_model="c/d")
DEMO = replace(BARE, demo_model=True)


@pytest.mark.parametrize(
    ("settings", "writing", "design"),
    [
        (ONE, "a/b", "a/b"),
        (TWO, "a/b", "c/d"),
        (DEMO, "atelier/demo", "atelier/demo"),
    ],
)
def test_the_model_that_plans_is_the_one_that_writes_unless_named(
    settings: Settings, writing: str, design: str
) -> None:
    assert settings.write_models == (writing,)
    assert settings.design_models == (design,)


@pytest.mark.parametrize("key", ["sk-hush\nhush", "sk-hush\x7f", "sk hush", "sk-hüsh"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(SettingsError) as error:
        replace(BARE, openrouter_api_key=key)
    assert str(error.value).startswith("OPENROUTER_API_KEY has a character")
    assert "sk-" not in str(error.value)


def test_further_models_answer_where_the_first_one_cannot() -> None:
    settings = replace(BARE, openrouter_model="a/b, c/d,,e/f ")
    assert settings.write_models == ("a/b", "c/d", "e/f")
