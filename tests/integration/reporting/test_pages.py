"""The pages show the figures, without JavaScript too, and ask no other host for anything."""

from __future__ import annotations

import re

import pytest

from tests.integration.reporting.conftest import Reporting
from tests.integration.reporting.world import (
    CAMPAIGN,
    at,
    decided,
    group,
    opened,
    recording,
    school,
    target,
    visit,
)  # fmt: skip

PAGE = f"/campaigns/{CAMPAIGN}"


@pytest.fixture
async def campaign(reporting: Reporting) -> Reporting:
    await reporting.hear(
        opened(), school(1), school(2, name="SMK <b>Contoh</b>"), school(3),
        target("campaign", 5554), target(group(1), 4), target(group(2), 1, split="simulated"),
        *(recording(number) for number in range(3)),
        *(recording(number, group=group(2), day=2) for number in (3, 4)),
        recording(5, known=at(9), kind="kelurahan"),
        visit(1, day=20), visit(2, day=1, status="completed", missed={"internship": 7}),
        visit(3, day=21, status="cancelled"),
        decided(1, "counted"), decided(2, "held", reason="under_age"), decided(3, "rejected", reason="malformed_nik"),
    )  # fmt: skip
    return reporting


async def text(reporting: Reporting, path: str, status: int = 200) -> str:
    answer = await reporting.http.get(path)
    assert answer.status_code == status
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    return re.sub(r"\s+", " ", answer.text)


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


async def test_the_campaigns_page_shows_the_figures(campaign: Reporting) -> None:
    said = plain(await text(campaign, PAGE))
    for expected in (
        "Pilkada Kota Malang 2024", "Rabu, 27 November 2024", "5.554", "5.549 belum terbagi", "tidak disebar",
        "keputusan dinas",
        "SMAN Contoh 1", "target terlalu rendah", "belum ada target", "Aula SMAN Contoh 1", "PKL 7", "belum 16 tahun",
        "format NIK salah", "kelurahan", "Pembagian target per sekolah adalah simulasi", "rekaan", "Dibatalkan",
    ):  # fmt: skip
        assert expected in said, expected


async def test_names_are_text_and_never_markup(campaign: Reporting) -> None:
    page = await text(campaign, PAGE)
    assert "<b>Contoh" not in page
    assert "SMK &lt;b&gt;Contoh" in page


async def test_nothing_is_asked_of_another_host_and_nothing_is_inline(campaign: Reporting) -> None:
    page = await text(campaign, PAGE)
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', page)
    assert not re.findall(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", page)
    for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        assert (await campaign.http.get(path)).status_code == 200


async def test_a_chosen_moment_stands_still(campaign: Reporting) -> None:
    then = await text(campaign, f"{PAGE}?as_of=2024-10-01&known_at=2024-10-01T23:59:59")
    assert "sse-connect" not in then
    assert "1 Okt 2024, 23.59 WIB" in plain(then)
    assert "terekam, terlambat masuk" in plain(then)
    assert "sse-connect" in await text(campaign, PAGE)
    assert "sse-connect" in await text(campaign, f"{PAGE}?as_of=&known_at=")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("as_of=2024-13-40", "Per tanggal (as_of): bukan waktu yang dapat dipakai"),
        ("as_of=kemarin", "Per tanggal (as_of): bukan waktu yang dapat dipakai"),
        ("as_of=9999-12-31", "Per tanggal (as_of): bukan waktu yang dapat dipakai"),
        ("as_of=0001-01-01", "Per tanggal (as_of): bukan waktu yang dapat dipakai"),
        ("known_at=tadi", "Diketahui per (known_at): bukan waktu yang dapat dipakai"),
        ("known_at=0001-01-01T00:00:00%2B14:00", "Diketahui per (known_at): bukan waktu yang dapat dipakai"),
        ("known_at=9999-12-31T23:59:59-12:00", "Diketahui per (known_at): bukan waktu yang dapat dipakai"),
        ("known_at=2199-01-01T00:00:00", "Diketahui per (known_at): sesudah saat ini"),
        ("as_off=2024-10-01", "as_off (as_off): tidak dikenal di halaman ini. as_off is not known here: is it as_of?"),
        ("as_of=2024-10-01&as_of=2024-10-02", "Per tanggal (as_of): disebut dua kali"),
    ],
)
async def test_an_address_that_cannot_be_read_is_a_page_in_words_and_no_figure(
    campaign: Reporting, query: str, said: str
) -> None:
    page = plain(await text(campaign, f"{PAGE}?{query}", 422))
    assert "Alamat halaman ini tidak dapat dibaca" in page
    assert said in page
    assert "5.554" not in page


async def test_without_a_target_coverage_is_unknown(reporting: Reporting) -> None:
    await reporting.hear(recording(1))
    said = plain(await text(reporting, PAGE))
    assert "Belum ada target yang berlaku" in said
    assert "100,0" not in said
    page = await text(reporting, PAGE)
    assert 'class="bar wide"' not in page  # an empty bar reads as 0 %
    await reporting.hear(target("campaign", 4))
    assert 'class="bar wide"' in await text(reporting, PAGE)


async def test_what_is_allocated_is_always_shown(reporting: Reporting) -> None:
    await reporting.hear(recording(1), target(group(1), 4))
    assert "jumlah target sekolah dan kelompok" in plain(await text(reporting, PAGE))
    for revision, (value, said) in enumerate(
        {7: "3 belum terbagi", 4: "0 belum terbagi", 2: "−2 belum terbagi"}.items(), 1
    ):
        await reporting.hear(target("campaign", value, revision))
        assert said in plain(await text(reporting, PAGE))
    assert "melebihi target keseluruhan" in plain(await text(reporting, PAGE))


async def test_a_group_that_counts_from_a_later_day_says_so_in_its_row(campaign: Reporting) -> None:
    assert "dihitung sejak" not in await text(campaign, PAGE)
    await campaign.hear(target(group(1), 4, 2, counting_from="2024-10-02"))
    page = await text(campaign, PAGE)
    row = page[page.index("SMAN Contoh 1</span>") : page.index("</th>", page.index("SMAN Contoh 1</span>"))]
    assert "dihitung sejak 2 Oktober 2024" in row


async def test_the_first_page(reporting: Reporting) -> None:
    assert "Belum ada program perekaman" in await text(reporting, "/")
    await text(reporting, PAGE, 404)
    await reporting.hear(opened())
    answer = await reporting.http.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert "Belum ada perekaman" in await text(reporting, PAGE)
    await reporting.hear(opened(campaign="batu-2024", name="Pilkada Kota Batu"))
    assert "Pilkada Kota Batu" in await text(reporting, "/")
