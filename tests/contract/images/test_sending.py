"""The contract of ImageSender: what a host lacks goes over, without the layers that it has, and only once."""

from __future__ import annotations

import threading

import pytest

from looma_cli.errors import EngineUnavailable, ImageUnavailable
from looma_cli.model.image import SentImage
from tests.contract.images.rigs import Rig, new_reference


def silent(text: str) -> None:
    pass


def test_an_image_goes_over_once(rig: Rig) -> None:
    reference = new_reference()
    rig.build(reference)
    said: list[str] = []
    assert rig.sender.wanted([reference]) == [reference]
    (sent,) = rig.sender.send([reference], said.append)
    assert sent.reference == reference
    assert sent.sent_bytes >= rig.layer_bytes
    assert said
    assert all(text.startswith(f"{reference}: sending") for text in said)
    assert rig.there() == {reference}
    assert rig.sender.wanted([reference]) == []
    assert rig.sender.send([reference], silent) == []


def test_layers_that_the_host_has_stay_here(rig: Rig) -> None:
    base, app = new_reference(), new_reference()
    rig.build(base)
    rig.build(app, on=base)
    (whole,) = rig.sender.send([base], silent)
    (rest,) = rig.sender.send([app], silent)
    assert rig.layer_bytes <= rest.sent_bytes < rig.layer_bytes + whole.sent_bytes / 2
    assert rig.there() == {base, app}


def test_layers_that_an_image_before_it_brought_are_not_sent_again(rig: Rig) -> None:
    base, app = new_reference(), new_reference()
    rig.build(base)
    rig.build(app, on=base)
    first, second = rig.sender.send([app, base], silent)
    assert (first.reference, second.reference) == (app, base)
    assert second.sent_bytes < first.sent_bytes / 2
    assert rig.there() == {base, app}


def test_another_build_of_the_same_name_replaces_the_older(rig: Rig) -> None:
    reference, other = new_reference(), new_reference()
    rig.build(reference)
    rig.build(other)
    rig.sender.send([reference, other], silent)
    rig.build(reference)
    assert rig.sender.wanted([other, reference]) == [reference]
    assert [sent.reference for sent in rig.sender.send([other, reference], silent)] == [reference]
    assert rig.sender.wanted([other, reference]) == []


def test_what_only_the_host_has_is_left_as_it_is(rig: Rig) -> None:
    reference = new_reference()
    rig.build(reference)
    rig.sender.send([reference], silent)
    rig.forget_here(reference)
    assert rig.sender.send([reference], silent) == []
    assert rig.there() == {reference}


def test_what_is_nowhere_is_named(rig: Rig) -> None:
    reference = new_reference()
    with pytest.raises(ImageUnavailable) as caught:
        rig.sender.send([reference], silent)
    assert reference in caught.value.message
    assert caught.value.details["reference"] == reference
    assert rig.there() == set()


def test_a_controller_without_an_engine_sends_nothing(rig: Rig) -> None:
    reference, other = new_reference(), new_reference()
    rig.build(reference)
    rig.sender.send([reference], silent)
    sender = rig.without_engine_here()
    assert sender.send([reference], silent) == []
    with pytest.raises(EngineUnavailable):
        sender.send([reference, other], silent)


def test_what_was_lost_is_sent_again(rig: Rig) -> None:
    reference = new_reference()
    rig.build(reference)
    rig.sender.send([reference], silent)
    rig.forget(reference)
    assert rig.there() == set()
    (sent,) = rig.sender.send([reference], silent)
    assert sent.sent_bytes >= rig.layer_bytes
    assert rig.there() == {reference}


class Enough(BaseException):
    """As a Ctrl-C ends a step."""


def test_who_stops_it_leaves_nothing_half_sent(rig: Rig) -> None:
    reference = new_reference()
    rig.build(reference)

    def stop(text: str) -> None:
        raise Enough

    with pytest.raises(Enough):
        rig.sender.send([reference], stop)
    assert rig.there() == set()
    rig.sender.send([reference], silent)
    assert rig.there() == {reference}


@pytest.mark.parametrize("same_home", [True, False])
def test_two_at_once_both_end_well(rig: Rig, same_home: bool) -> None:
    """Those of one home take turns, and the second finds all there; those of two controllers send it both."""
    reference = new_reference()
    rig.build(reference)
    senders = [rig.sender, rig.sender if same_home else rig.another()]
    sent: list[list[SentImage]] = []
    threads = [threading.Thread(target=lambda sender=sender: sent.append(sender.send([reference], silent))) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 2
    assert rig.there() == {reference}
    if same_home:
        assert sorted(map(len, sent)) == [0, 1]
