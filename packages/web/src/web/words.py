"""Numbers, days, kinds, outcomes and reasons the way Indonesian readers write them. Pure: no I/O, no clock."""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")
MONTHS: Final = (
    "Januari", "Februari", "Maret", "April", "Mei", "Juni", "Juli", "Agustus", "September", "Oktober", "November",
    "Desember",
)  # fmt: skip
KINDS: Final = {
    "mpp": "Mal Pelayanan Publik",
    "office": "Kantor Dispendukcapil",
    "school_visit": "Kunjungan sekolah",
    "special_event": "Acara khusus",
}
OUTCOMES: Final = {
    "counted": ("Terhitung", "counted"),
    "duplicate": ("Ganda", "duplicate"),
    "held": ("Ditahan", "held"),
    "rejected": ("Ditolak", "rejected"),
}
REASONS: Final = {
    "before_opening": "sebelum perekaman dibuka",
    "in_the_future": "jam loket lebih maju dari waktu sebenarnya",
    "under_age": "belum 16 tahun",
    "not_a_voter": "belum berhak memilih pada hari pemungutan suara",
    "unknown_key": "kunci tidak dikenal",
    "cannot_open": "kiriman tersegel tidak dapat dibuka",
    "malformed_identity": "isian identitas tidak sah",
    "malformed_nik": "format NIK salah",
    "voided": "dibatalkan",
    "recorded": "terekam, terlambat masuk",
    "earlier_recording": "ada perekaman yang lebih awal",
    "restored": "dipulihkan",
    "reattributed": "dipindahkan ke kelompok lain",
    "merged": "orang yang sama",
    "counting_from": "awal penghitungan diubah",
    "absent": "tidak hadir",
    "internship": "PKL",
    "refused": "menolak",
    "documents_missing": "berkas belum lengkap",
    "device_fault": "gangguan alat",
}


def number(value: int) -> str:
    """`5.554`, `−12`."""
    digits = f"{abs(value):,}".replace(",", ".")
    return digits if value >= 0 else f"−{digits}"


def percent(rate: float | None) -> str:
    """`60,4 %`; a dash while it is unknown. Less than all never reads as 100, more than none never as 0."""
    if rate is None:
        return "–"
    shown = round(rate * 100, 1)
    if rate < 1:
        shown = min(shown, 99.9)
    if rate > 0:
        shown = max(shown, 0.1)
    return f"{shown:.1f}".replace(".", ",") + " %"


def day(value: date) -> str:
    """`8 November 2024`."""
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def short_day(value: date) -> str:
    """`8 Nov`."""
    return f"{value.day} {MONTHS[value.month - 1][:3]}"


def weekday(value: date) -> str:
    """`Jumat`."""
    return DAYS[value.weekday()]


def instant(value: datetime, zone: ZoneInfo) -> str:
    """`8 Nov 2024, 23.59 WIB`."""
    local = value.astimezone(zone)
    return f"{short_day(local.date())} {local.year}, {local:%H.%M} {local.tzname()}"


def clock(value: datetime, zone: ZoneInfo) -> str:
    """`08.00`."""
    return f"{value.astimezone(zone):%H.%M}"


def kind(value: str) -> str:
    """The name of a kind of recording point; an unknown one as it is."""
    return KINDS.get(value, value)


def reason(value: str) -> str:
    """What a reason or a cause means; an unknown one as it is."""
    return REASONS.get(value, value.replace("_", " "))
