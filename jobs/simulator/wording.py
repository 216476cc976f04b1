"""The titles a user may see: three kinds of wording in four languages.

Every word comes from the picture pack's real labels and tags; only the frames of the
playful kind are ours.
"""

import zlib

from jobs.stickers.pack import LANGUAGES, Subject

KINDS = ("plain", "descriptive", "playful")
"""Kinds of wording, in the order that their numbers follow."""

PLAIN, DESCRIPTIVE, PLAYFUL = range(3)

TAGS_SHOWN = 3
"""Tags in a descriptive title."""

FRAMES = {
    "en": ("Say hello to: {label}!", "{label}? Yes, please!", "Today's mood: {label}"),
    "de": ("Sag Hallo: {label}!", "{label}? Ja, bitte!", "Heute ist mir nach: {label}"),
    "es": ("¡Saluda a: {label}!", "¿{label}? ¡Sí, por favor!", "Hoy me apetece: {label}"),
    "ja": ("こんにちは、{label}！", "{label}？もちろん！", "今日の気分は「{label}」"),
}
"""Frames of playful titles; a subject keeps one frame for good."""


def title(subject: Subject, kind: int, language: str) -> str:
    """The words shown for a subject.

    Parameters
    ----------
    subject
        Its labels and tags are used.
    kind
        Number in ``KINDS``.
    language
        One of the pack's languages.

    Examples
    --------
    >>> fox = Subject("1f98a", "animals-nature", "animal-mammal", {"en": "fox"}, {"en": ["face", "fox", "red"]})
    >>> [title(fox, kind, "en") for kind in range(3)]
    ['fox', 'fox: face, red', "Today's mood: fox"]
    """
    label = subject.labels[language]
    if kind == PLAIN:
        return label
    if kind == DESCRIPTIVE:
        tags = [tag for tag in subject.tags[language] if tag.lower() != label.lower()][:TAGS_SHOWN]
        return f"{label}: {', '.join(tags)}" if tags else label
    frames = FRAMES[language]
    return frames[zlib.crc32(subject.code.encode()) % len(frames)].format(label=label)


def all_titles(subjects: list[Subject]) -> list[str]:
    """Every title, language by language, kind by kind, subject by subject.

    The title of (language l, kind k, subject s) is at ``(l * len(KINDS) + k) * len(subjects) + s``.
    """
    return [
        title(subject, kind, language) for language in LANGUAGES for kind in range(len(KINDS)) for subject in subjects
    ]


def all_wordings(subject: Subject, kind: int, language: str) -> tuple[str, ...]:
    """Every way a kind of title may be worded: of playful ones all frames, of others the one.

    Examples
    --------
    >>> fox = Subject("1f98a", "animals-nature", "animal-mammal", {"en": "fox"}, {"en": ["face", "fox", "red"]})
    >>> all_wordings(fox, PLAYFUL, "en")
    ('Say hello to: fox!', 'fox? Yes, please!', "Today's mood: fox")
    >>> all_wordings(fox, PLAIN, "en")
    ('fox',)
    """
    if kind != PLAYFUL:
        return (title(subject, kind, language),)
    return tuple(frame.format(label=subject.labels[language]) for frame in FRAMES[language])
