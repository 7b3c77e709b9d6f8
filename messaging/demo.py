"""The people and conversations of the demonstration. Not for an installation with real people."""

from typing import NamedTuple


class Person(NamedTuple):
    username: str
    role: str
    display_name: str
    is_staff: bool = False
    is_superuser: bool = False
    rights: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Talk(NamedTuple):
    """A conversation between two people and what they say, in turn: who speaks and the text."""

    kind: str
    one: str
    other: str
    lines: tuple[tuple[str, str], ...]


class Room(NamedTuple):
    """A room, who owns it and who is in it, and what they say."""

    kind: str
    name: str
    description: str
    owner: str
    others: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]
    course_id: str = ""


class Complaint(NamedTuple):
    """Somebody reports a line of a room, of which `line` is the number from 0 on."""

    room: str
    line: int
    reporter: str
    reason: str
    note: str


PEOPLE = (
    Person("patient1", "patient", "Paula Novak"),
    Person("patient2", "patient", "Piet Jansen"),
    Person("provider1", "provider", "Dr. Ada Okafor"),
    Person("provider2", "provider", "Dr. Luis Moreno"),
    Person("nurse1", "provider", "Nina Berg, RN"),
    Person("student1", "student", "Sam Lee"),
    Person("student2", "student", "Sofia Rossi"),
    Person("student3", "student", "Selim Kaya"),
    Person("instructor1", "instructor", "Ines Dupont"),
    Person(
        "moderator1", "staff", "Morgan Reed", is_staff=True, rights=("moderate_conversation",), groups=("moderators",)
    ),
    Person("admin", "staff", "Alex Admin", is_staff=True, is_superuser=True),
)

TALKS = (
    Talk(
        "clinical",
        "patient1",
        "provider1",
        (
            ("patient1", "Good morning. The new tablets make me dizzy when I get up."),
            ("provider1", "Thank you for telling me. Is your blood pressure still <90 systolic in the morning?"),
            ("patient1", "Yes, 86 to 88, and it is better by noon."),
            ("provider1", "Take half a tablet from tomorrow on. Your labs: K<3.5 and Na>145, so please drink more."),
        ),
    ),
    Talk(
        "clinical",
        "patient2",
        "provider2",
        (
            ("provider2", "Your X-ray shows that everything has healed well."),
            ("patient2", "That is a relief! When may I run again?"),
        ),
    ),
    Talk(
        "direct",
        "provider1",
        "nurse1",
        (
            ("provider1", "Could you check on the patient in room 4 after lunch?"),
            ("nurse1", "Will do. Readings if a<b and c>d as on the chart."),
        ),
    ),
    Talk(
        "direct",
        "student1",
        "instructor1",
        (
            ("student1", "Is the anatomy quiz on Thursday or on Friday?"),
            ("instructor1", "Thursday at nine, room 12."),
        ),
    ),
    Talk("direct", "student2", "student3", (("student2", "Shall we study together tonight?"),)),
)

ROOMS = (
    Room(
        "course",
        "Anatomy I",
        "Lecture, lab and everything about the exam.",
        "instructor1",
        ("student1", "student2", "student3"),
        (
            ("instructor1", "Welcome to Anatomy I. The first lab is on Monday at ten."),
            ("student1", "Do we bring our own gloves?"),
            ("instructor1", "No, there are enough in the lab."),
            ("student3", "Is there a seat list for groups of n<=4?"),
            (
                "student3",
                "And could those who ask about gloves please stay at home? Some of you are too slow for this.",
            ),
        ),
        course_id="ANAT-101",
    ),
    Room(
        "group",
        "Ward round",
        "Who sees whom today.",
        "provider1",
        ("provider2", "nurse1", "moderator1"),
        (
            ("provider1", "Round starts at 8:30 today, please have the charts of rooms 1 to 6 ready."),
            ("nurse1", "Room 4 is in radiology until 9."),
            ("provider2", "Then I begin with 5 and 6."),
        ),
    ),
)

COMPLAINTS = (Complaint("Anatomy I", 4, "student1", "harassment", "This is the third time this week."),)
