"""Questions that several checks ask of one history are answered once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from headlint.flow.histories import ModelHistory

Answer = TypeVar("Answer")
Given = ParamSpec("Given")


def once(
    question: Callable[Concatenate[ModelHistory, Given], Answer],
) -> Callable[Concatenate[ModelHistory, Given], Answer]:
    """Keep what `question` answers with the history, which nothing changes any more."""

    @wraps(question)
    def asked(history: ModelHistory, /, *given: Given.args, **named: Given.kwargs) -> Answer:
        key = (question, *given)
        if key not in history.answers:
            history.answers[key] = question(history, *given, **named)
        answer: Answer = history.answers[key]
        return answer

    return asked
