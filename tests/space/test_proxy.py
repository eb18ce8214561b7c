"""The subset that a proxy trains on."""

import pytest

from sasa_nas.errors import UserError
from sasa_nas.space import Proxy, load_space
from sasa_nas.space.files import validate_space


def test_a_subset_is_a_count_of_images_and_all_where_it_is_left_out() -> None:
    assert Proxy().train_images is None
    data = load_space("tiny").model_dump()
    data["proxy"]["train_images"] = 500
    assert validate_space(data, "mine").proxy.train_images == 500


@pytest.mark.parametrize("value", [0, -1, 2.5, "many"])
def test_what_is_no_count_is_named(value: object) -> None:
    data = load_space("tiny").model_dump()
    data["proxy"]["train_images"] = value
    with pytest.raises(UserError, match=r"mine: proxy\.train_images"):
        validate_space(data, "mine")
