"""The errors of the counter in Indonesian: its operators read them first, the English of the code stands beside.

Each entry is a message as the code has it, `{}` where it names something. A test holds every message of the package
against this list.
"""

import re
from functools import cache
from typing import Final

WORDS: Final = {
    # A value of a recording: the column stands before it.
    "is empty: it is needed": "kosong: wajib diisi",
    "is empty: enter the 16 digits": "kosong: isi 16 digitnya",
    "must be written year-month-day, as 2001-12-30": "harus ditulis tahun-bulan-hari, misalnya 2001-12-30",
    "is no day of the calendar": "bukan tanggal yang ada di kalender",
    "is no time of the calendar and the clock": "bukan waktu yang ada di kalender dan jam",
    "must be date, time and offset, as 2024-09-19T08:00:00+07:00 (+07:00 is WIB)": (
        "harus tanggal, jam, dan selisih dari UTC, misalnya 2024-09-19T08:00:00+07:00 (+07:00 adalah WIB)"
    ),
    "has no offset from UTC: write it as 2024-09-19T08:00:00+07:00 (+07:00 is WIB)": (
        "tanpa selisih dari UTC: tulis seperti 2024-09-19T08:00:00+07:00 (+07:00 adalah WIB)"
    ),
    "must be true or false (ya/tidak, yes/no, 1/0)": "harus ya atau tidak (ya/tidak, 1/0)",
    "ends in 0000, which no NIK does: spreadsheets keep 15 digits and may have rounded it; "
    "format the column as text and enter it again": (
        "berakhiran 0000, padahal tidak ada NIK yang begitu: lembar kerja hanya menyimpan 15 digit dan mungkin "
        "membulatkannya; jadikan kolom itu teks lalu ketik ulang"
    ),
    "was turned into scientific notation by a spreadsheet and its last digits are lost: "
    "format the column as text and enter the NIK again": (
        "diubah lembar kerja menjadi notasi ilmiah dan digit terakhirnya hilang: jadikan kolom itu teks lalu ketik "
        "ulang NIK"
    ),
    "was turned into a decimal number by a spreadsheet: format the column as text and enter it again": (
        "diubah lembar kerja menjadi angka desimal: jadikan kolom itu teks lalu ketik ulang"
    ),
    "has spaces, dots or other signs in it: write the 16 digits alone": (
        "berisi spasi, titik, atau tanda lain: tulis 16 digitnya saja"
    ),
    "has {} digits, a NIK has 16": "berisi {} digit, NIK punya 16",
    "must be 16 digits (0-9) and nothing else": "harus 16 digit (0-9) dan tidak lain",
    "is before 1900: check the year": "sebelum 1900: periksa tahunnya",
    "must lie between the years {} and {}": "harus antara tahun {} dan {}",
    "must be npsn:<8 digits, or P and 7>, outside or outside:<label>, as npsn:20533456": (
        "harus npsn:<8 digit, atau P dan 7 digit>, outside, atau outside:<label>, misalnya npsn:20533456"
    ),
    "must be a regency's code, as 35.73": "harus kode kabupaten/kota, misalnya 35.73",
    "must be 1-64 characters on one line and no NIK, as school_visit": (
        "harus 1-64 huruf di satu baris dan bukan NIK, misalnya school_visit"
    ),
    "must be 1-200 characters on one line and no NIK": "harus 1-200 huruf di satu baris dan bukan NIK",
    "{}; it holds {}": "{}; di dalamnya ada {}",
    "must be a UUID, as 0190f5a0-7b1c-7d3e-8f00-0123456789ab": (
        "harus UUID, misalnya 0190f5a0-7b1c-7d3e-8f00-0123456789ab"
    ),
    "is after recorded_at: check both": "sesudah recorded_at: periksa keduanya",
    "is for replayed campaigns alone, and this one runs by the clock: leave it out": (
        "hanya untuk program peragaan, sedangkan program ini mengikuti jam: kosongkan"
    ),
    "is stored already with other values in other columns, and what is stored is never changed: if it is wrong, ask the"
    " office to void it and record the person again": (
        "sudah tersimpan dengan isi lain di kolom lain, dan yang tersimpan tidak pernah diubah: bila salah, minta "
        "kantor membatalkannya lalu rekam ulang orangnya"
    ),
    # A row or a file.
    "is longer than any row can be: is a quote not closed?": "terlalu panjang: adakah tanda kutip tidak ditutup?",
    "has a quote that is not closed: a row must be on one line": (
        "berisi tanda kutip yang tidak ditutup: satu baris harus di satu baris berkas"
    ),
    "has {} columns where the header has {}: {}": "berisi {} kolom padahal judulnya {}: {}",
    'a value with "{}" in it needs quotes around it': 'isi yang memuat "{}" harus diapit tanda kutip',
    "{} cannot be read: {}": "{} tidak dapat dibaca: {}",
    "{} is empty: its first line must be {}": "{} kosong: baris pertamanya harus {}",
    "{} has its columns separated by tabs: {}, with comma or semicolon": (
        "{} memisahkan kolom dengan tab: di lembar kerja pilih Save As, CSV UTF-8, dengan koma atau titik koma"
    ),
    "{}: the first line lacks the column {}": "{}: baris pertama tidak memuat kolom {}",
    "{}: the first line names the column {} twice": "{}: baris pertama menyebut kolom {} dua kali",
    "{}: column {} of the first line is not known: is it {}?": (
        "{}: kolom {} di baris pertama tidak dikenal: maksudnya {}?"
    ),
    "{}: the first line must name the columns: {}": "{}: baris pertama harus menyebut nama kolom: {}",
    "{} is a spreadsheet, not a CSV file: {}": "{} adalah lembar kerja, bukan CSV: pilih Save As, CSV UTF-8",
    "{} is not UTF-8 text (UTF-16, or no text at all): {}": (
        "{} bukan teks UTF-8 (UTF-16, atau bukan teks): di lembar kerja pilih Save As, CSV UTF-8"
    ),
    '{} is not UTF-8: line {} has a letter of another encoding, probably Windows-1252 ("ANSI"); '
    "nothing was stored: {}": (
        "{} bukan UTF-8: baris {} memuat huruf dari pengodean lain; tidak ada yang disimpan: pilih Save As, CSV UTF-8"
    ),
    "column {} is not known and left out": "kolom {} tidak dikenal dan dilewati",
    "--results is the import file itself: give it another name": (
        "--results adalah berkas impor itu sendiri: beri nama lain"
    ),
    "check: the birth date within the NIK is another than {}": "periksa: tanggal lahir di NIK lain dari {}",
    "--replayed-at {}": "isian --replayed-at {}",
    # The home of a counter.
    "{} is not a counter yet: run `counter init --home {} ...` first": (
        "{} belum menjadi loket: jalankan `counter init --home {} ...` dahulu"
    ),
    "{} is damaged": "{} rusak",
    "{} is missing: run `counter init` again with the same arguments": (
        "{} tidak ada: jalankan lagi `counter init` dengan isian yang sama"
    ),
    "{} cannot be read ({})": "{} tidak dapat dibaca ({})",
    "{} holds no usable key of enrollment: run `counter init` again": (
        "{} tidak memuat kunci enrollment yang dapat dipakai: jalankan lagi `counter init`"
    ),
    "{} uses {} now: wait for it to end, then try again": "{} sedang memakai {}: tunggu selesai, lalu coba lagi",
    "{} is missing or cannot be opened: without it no number is safe": (
        "{} tidak ada atau tidak dapat dibuka: tanpa berkas itu tidak ada nomor yang aman"
    ),
    "{} can be read by others, and who has it can sign as this counter: chmod 600 {}": (
        "{} dapat dibaca orang lain, yang lalu bisa menandatangani sebagai loket ini: chmod 600 {}"
    ),
    "{} is missing: without its key this counter can neither record nor send": (
        "{} tidak ada: tanpa kuncinya loket ini tidak dapat merekam atau mengirim"
    ),
    "{} cannot be read as a device key ({})": "{} tidak dapat dibaca sebagai kunci alat ({})",
    "{} is not an Ed25519 key": "{} bukan kunci Ed25519",
    "enrollment at {} gave no key to seal to": "enrollment di {} tidak memberi kunci untuk menyegel",
    "{} cannot be written: {}": "{} tidak dapat ditulis: {}",
    "another `counter init` was at work in {}: run it again": "`counter init` lain sedang bekerja di {}: jalankan lagi",
    "--{} must be {}": "--{} harus {}",
    "--enrollment must be an address as http://127.0.0.1:8001": (
        "--enrollment harus alamat, misalnya http://127.0.0.1:8001"
    ),
    "{} is a counter already, set up with another {} ({}): use another --home for another counter": (
        "{} sudah menjadi loket dengan {} lain ({}): pakai --home lain untuk loket lain"
    ),
    # Enrollment.
    "enrollment does not answer at {} ({}): check the address and the network": (
        "enrollment tidak menjawab di {} ({}): periksa alamat dan jaringan"
    ),
    "enrollment at {} answered {}": "enrollment di {} menjawab {}",
    "enrollment at {} answered {}: {}": "enrollment di {} menjawab {}: {}",
    "{}; give --token, an administrator's, or --code, which an administrator makes": (
        "{}; isi --token milik administrator, atau --code yang dibuat administrator"
    ),
    # What its problems say to a counter.
    "A token of the issuer is needed - {}": "perlu token - {}",
    "Your roles do not allow this - {}": "peran Anda tidak cukup - {}",
    "There is nothing here - {}": "tidak ditemukan - {}",
    "There is nothing here": "tidak ada apa pun di alamat ini; apakah ini alamat enrollment?",
    "Some values are not allowed - {}": "ada isian yang tidak diterima - {}",
    "This is for an administrator's token, or a one-time code.": "ini perlu token administrator, atau kode",
    "This is for administrator, or a one-time code.": "ini hanya untuk administrator, atau dengan kode sekali pakai",
    "This token is not taken. {}": "token ini tidak diterima ({})",
    "There is no such campaign: PUT it first.": "program perekaman ini belum dibuka: minta administrator membukanya",
    "code: there is no such code: ask an administrator for one": "code: kode ini tidak ada: minta kepada administrator",
    "code: was used by another device: ask for a new one": "code: sudah dipakai alat lain: minta kode baru",
    "code: was for {} minutes: ask for a new one": "code: hanya berlaku {} menit: minta kode baru",
    "code: is for another campaign: ask for one for this": "code: untuk program perekaman lain: minta untuk yang ini",
    "enrollment at {} is not ready yet{}; what is stored here is safe: try again in {} s": (
        "enrollment di {0} belum siap; yang tersimpan di sini aman: coba lagi dalam {2} detik"
    ),
    "enrollment is not ready yet; what is stored here is safe, trying again in {} s": (
        "enrollment belum siap; yang tersimpan di sini aman, mencoba lagi dalam {} detik"
    ),
    "{}; nothing is lost, run `counter send` again": "{}; tidak ada yang hilang, jalankan `counter send` lagi",
    "nothing is lost, run `counter send` again": "tidak ada yang hilang, jalankan `counter send` lagi",
    "enrollment gave decisions without a cursor to go on from": "enrollment memberi keputusan tanpa penanda lanjutan",
    "{} answered with something that is no campaign": "{} menjawab dengan isi yang bukan program perekaman",
    "{} answered with something that is no list of decisions": "{} menjawab dengan isi yang bukan daftar keputusan",
    # Kafka.
    "no address of Kafka: give --kafka or set KAFKA_BOOTSTRAP_SERVERS": (
        "alamat Kafka belum ada: isi --kafka atau KAFKA_BOOTSTRAP_SERVERS"
    ),
    "the address of Kafka must be host:port, or several with commas, as 127.0.0.1:9092": (
        "alamat Kafka harus host:port, atau beberapa dengan koma, misalnya 127.0.0.1:9092"
    ),
    "no confirmation from Kafka at {} within {} s": "belum ada konfirmasi dari Kafka di {} dalam {} detik",
    "Kafka does not answer at {}": "Kafka tidak menjawab di {}",
    "Kafka at {} has no topic {}": "Kafka di {} tidak punya topik {}",
    "Kafka at {} does not allow this counter to write to {}": "Kafka di {} tidak mengizinkan loket ini menulis ke {}",
    "too large for the topic (at most {} bytes): report this to the office": (
        "terlalu besar untuk topik (paling banyak {} bita): laporkan ke kantor"
    ),
    "Kafka at {} failed ({})": "Kafka di {} gagal ({})",
    "interrupted before Kafka confirmed it": "dihentikan sebelum Kafka mengonfirmasi",
    "this counter's folder was copied: number {} came from both; every recording counts, "
    "go on with one folder alone and run `counter init` in a new one for the other": (
        "folder loket ini disalin: nomor {} datang dari keduanya; semua rekaman tetap dihitung, lanjutkan dengan satu "
        "folder saja dan jalankan `counter init` di folder baru untuk yang lain"
    ),
    "check the clock: this is {} days earlier than number {}, which was recorded at {}; it is stored as it is": (
        "periksa jam alat: ini {} hari lebih awal dari nomor {}, yang direkam {}; tetap disimpan apa adanya"
    ),
    "check the clock: number {} is of {}, number {} before it of {}; both stand as they are, "
    "the office can void what is wrong": (
        "periksa jam alat: nomor {} bertanggal {}, nomor {} sebelumnya {}; keduanya tetap apa adanya, kantor dapat "
        "membatalkan yang salah"
    ),
    # What a command could not do beside its work.
    "enrollment's keys were not refreshed: {}": "kunci enrollment belum diperbarui: {}",
    "decisions were not read: {}": "keputusan belum terbaca: {}",
    "not done, nothing half stored: {}": "tidak dilakukan, tidak ada yang tersimpan setengah: {}",
}


def beside(message: str) -> str:
    """The message in Indonesian, a slash, the message; alone where the list has it not."""
    indonesian = _translated(message)
    return message if indonesian is None else f"{indonesian} / {message}"


def _translated(message: str) -> str | None:
    for pattern, indonesian in _patterns():
        if match := pattern.fullmatch(message):
            return indonesian.format(*(_translated(part) or part for part in match.groups()))
    return None


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The longest first: a message that says more is not taken for one that says less."""
    entries = sorted(WORDS.items(), key=lambda entry: -len(entry[0].replace("{}", "")))
    parts = ((english.split("{}"), indonesian) for english, indonesian in entries)
    return [(re.compile("(.+?)".join(map(re.escape, part)), re.DOTALL), indonesian) for part, indonesian in parts]
