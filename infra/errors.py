"""What can go wrong between us and RunPod, by what to do about it.

InfraError
├── NoCapacityError      this GPU type is not to be had now: the next candidate may be
├── KeyRefusedError      401: the key is missing or wrong
├── PaymentError         402: the balance does not carry it
├── ForbiddenError       403: this account may not
├── InvalidRequestError  400 or 422: the request breaks a rule; the same request never succeeds
├── GoneError            410: this API has been retired
├── NotFoundError        404
├── RefusedStateError    409: not in the state it is in
├── LimitError           429, again and again
├── UnavailableError     no answer, half an answer, 5xx: whether it was done is not known
├── CandidateError       no GPU type fits the wishes; says why for each
├── BudgetError          it would cost more than allowed
├── PlanError            the plan would take away a running pod
├── BusyError            another driver is at work
├── ElsewhereError       the driver works elsewhere: here its record is only read
├── TerraformError       terraform is missing, or failed for a reason of its own
├── NotReadyError        rented, but not ready in time
└── LeftoverError        something may still be billed
"""

from __future__ import annotations

import re

from watchdog.base.errors import InfraError


class NoCapacityError(InfraError):
    """RunPod has no such machine free now."""


class KeyRefusedError(InfraError):
    """RunPod does not know the key."""


class PaymentError(InfraError):
    """The balance or the spend limit of the account does not carry it."""


class ForbiddenError(InfraError):
    """The account or the key may not do this."""


class InvalidRequestError(InfraError):
    """The request breaks a rule of RunPod's; the same request never succeeds."""


class GoneError(InfraError):
    """The API this program speaks has been retired."""


class NotFoundError(InfraError):
    """There is no such thing (any more)."""


class RefusedStateError(InfraError):
    """Not possible in the state that the thing is in."""


class LimitError(InfraError):
    """Too many requests, even after waiting as long as was asked."""


class UnavailableError(InfraError):
    """No whole answer: whether the request was carried out is not known."""


class CandidateError(InfraError):
    """No GPU type fits the wishes."""


class BudgetError(InfraError):
    """More money than was allowed."""


class PlanError(InfraError):
    """The plan would take away a running pod."""


class BusyError(InfraError):
    """Another driver holds the lock."""


class ElsewhereError(InfraError):
    """The driver works elsewhere; nothing is done from here."""


class TerraformError(InfraError):
    """Terraform is missing, or failed for a reason of its own."""


class NotReadyError(InfraError):
    """Rented, but not ready in time."""


class LeftoverError(InfraError):
    """Something may still be billed."""


# The spec of createPod: 400 means a broken rule or no capacity, told apart by the words of `detail` alone.
_NO_CAPACITY = re.compile(
    r"no longer any instances|no instances? (are )?(currently )?available|could not be placed|failed to resume pod"
    r"|not enough (free )?(gpus?|capacity)|(no|insufficient|out of) capacity",
    re.IGNORECASE,
)
_OF_STATUS: dict[int, tuple[type[InfraError], str]] = {
    400: (InvalidRequestError, "The request breaks a rule; no other GPU type will help."),
    401: (KeyRefusedError, "Put a valid RUNPOD_API_KEY into .env; keys: console.runpod.io/user/settings."),
    402: (PaymentError, "Add credit at console.runpod.io/user/billing; an hour's worth is needed to start."),
    403: (ForbiddenError, "The key needs write access to pods, and the account access to this kind of GPU."),
    404: (NotFoundError, "It may have been returned already: `python -m infra.cluster reconcile` tells."),
    409: (RefusedStateError, "Look at it with `python -m infra.cluster status`; a locked pod must be unlocked first."),
    410: (GoneError, "RunPod has retired this API: update GPU Watchdog. The console still returns pods."),
    422: (InvalidRequestError, "The request breaks a rule; no other GPU type will help."),
    429: (LimitError, "Wait a few minutes; RunPod counts requests by the minute, the hour and the day."),
}


def of_answer(status: int, said: str, what: str) -> InfraError:
    """The error for a refusing status of RunPod's.

    Args:
        status: HTTP status, 300 to 599.
        said: RunPod's own words, without secrets.
        what: what we wanted, as "create a pod".
    """
    message = f"RunPod would not {what} ({status})" + (f": {said}" if said else "")
    if status in (400, 500) and _NO_CAPACITY.search(said):
        return NoCapacityError(message, hint="Try another GPU type, or later.")
    if status in _OF_STATUS:
        kind, hint = _OF_STATUS[status]
        return kind(message, hint=hint)
    if status >= 500 or status == 408:
        return UnavailableError(
            message, hint="RunPod has trouble; `python -m infra.cluster reconcile` tells what there is."
        )
    return InvalidRequestError(message, hint=f"An answer {status} is not in RunPod's description of its API.")


_STATUS_IN_TEXT = re.compile(r"\b(?:status(?: code)?|HTTP|API error)\W{0,3}(\d{3})\b|\b(4\d\d|5\d\d)\b", re.IGNORECASE)
_LOST = re.compile(
    r"no answer|closed (the )?connection|connection (was )?closed|i/o timeout|handshake|"
    r"time(d )?[ -]?out|deadline exceeded|connection (reset|refused)|\bEOF\b|broken pipe|no such host",
    re.I,
)


def of_text(text: str, what: str) -> InfraError:
    """The error in words of a program between us and RunPod, such as a Terraform provider.

    Its wording is not ours to choose, so an unknown text is a TerraformError, which stops; it never counts as "no capacity".
    """
    if _NO_CAPACITY.search(text):
        return NoCapacityError(f"could not {what}: {text}", hint="Try another GPU type, or later.")
    found = _STATUS_IN_TEXT.search(text)
    if found:
        return of_answer(int(found[1] or found[2]), text, what)
    if _LOST.search(text):
        return UnavailableError(
            f"could not {what}: {text}", hint="`python -m infra.cluster reconcile` tells what there is."
        )
    return TerraformError(f"could not {what}: {text}", hint="See the whole text above; nothing more was tried.")
