"""Names of groups, of schools that were listed and of those that were not."""

from __future__ import annotations

from reporting.pages.present import group_name


def test_names_of_groups() -> None:
    schools = {"20599901": {"name": "SMAN Contoh"}}
    assert group_name("npsn:20599901", schools) == "SMAN Contoh"
    assert group_name("npsn:20599902", schools) == "Sekolah 20599902"
    assert group_name("outside", schools) == "Di luar sekolah"
    assert group_name("outside:pondok-pesantren", schools) == "Di luar sekolah: pondok pesantren"
