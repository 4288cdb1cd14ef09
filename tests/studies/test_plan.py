"""The run folder that stands for each training of a shipped study: another name would train it again."""

import hashlib
import json
from pathlib import Path

import pytest

from kuzushiji.errors import UsageError
from kuzushiji.studies.load import load_study, shipped_studies
from kuzushiji.studies.plan import Common, plan_trainings

PLANNED = {
    "ablation": "14a2e1d3deca5771",
    "attention": "b38c5ac39995bf8d",
    "augmentation": "587a4133f665cf61",
    "batch-sizes": "9a508781839809a8",
    "benchmark-table": "81e9d3b4d2008a01",
    "dropout": "5d5ff6c906b478d9",
    "ensembles": "df6def1990de0ef9",
    "learning-curve": "ab709d55a5d29d8f",
    "learning-rates": "49a7d91365b63774",
    "lenet-or-alexnet": "bd53db04e82a5bd8",
    "longer-training": "62feb94c0ff1cbc6",
    "losses": "7e8aaebe269c3e9f",
    "make-kana": "b8e8b8363bd28ed7",
    "make-kanji": "fcce277087ba3593",
    "make-kmnist": "cafda08f3d07c8de",
    "page-characters": "cf0fe1a602173d64",
    "transfer": "7840ae9ad75811b4",
    "twelve-networks": "3134ce0b493bd457",
}
"""Study -> the first digits of the SHA-256 of all its trainings."""


@pytest.mark.parametrize("name", shipped_studies())
def test_a_shipped_study_leads_to_the_trainings_that_it_always_led_to(name, own_home):
    study = load_study(name)
    common = Common(own_home, study.data, None, study.image_size, study.cover, study.rare_below, "cpu")
    planned = [
        [
            *(Path(each.path).name, each.model, dict(each.options), each.recipe_name, dict(each.changes), each.data),
            *(each.limit, each.image_size, each.cover, each.rare_below),
            *(Path(each.start).name, each.weights, each.unfrozen),
        ]
        for each in plan_trainings(study, study.seeds, common)
    ]
    assert hashlib.sha256(json.dumps(planned).encode()).hexdigest()[:16] == PLANNED.get(name), planned


def test_more_trainings_than_anybody_would_wait_for_are_refused(own_home):
    common = Common(own_home, "kmnist", None, None, None, None, "cpu")
    with pytest.raises(UsageError, match="2 trials with 100,000,000 seeds are 200,000,000 trainings, more than 10,000"):
        plan_trainings(load_study("lenet-or-alexnet"), 10**8, common)
