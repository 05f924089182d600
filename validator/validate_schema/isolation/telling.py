"""What is worth another try, and what the answers to a group of attempts say in one line."""

from collections.abc import Sequence

from .stage import Answer, Attempt

_MOST_AGAIN = 8  # attempts that are repeated by each pretence of a session


def plain_ones(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Return the attempts without those that take another way to the same rows."""
    return [a for a in attempts if not by_another_way(a)][:_MOST_AGAIN]


def by_another_way(attempt: Attempt) -> bool:
    says = attempt.statement
    return attempt.copied is not None or " returning " in says or says.endswith(" on conflict do nothing")


def most_telling(answers: Sequence[Answer]) -> Answer:
    """Return the answer that says most: one by a policy, then any other error."""
    return next((a for a in answers if a.by_policy), next((a for a in answers if a.state), answers[0]))


def how_it_held(answers: Sequence[Answer]) -> str:
    telling = most_telling(answers)
    if telling.state:
        return f"the policy held: {telling.message}"
    return "the policy held: no row was reached, and it is without row security"


def in_the_way(answers: Sequence[Answer]) -> str:
    telling = most_telling(answers)
    if telling.state:
        return f"the policy lets it through; stopped by {telling.said}"
    return "the policy lets it through; a trigger swallowed it"
