# The counter by hand: on the stack that `make up` started, in the campaign that own_campaign.py opened.
set -eu
export PATH="$PWD/.venv/bin:$PATH"
set -a; . .local/stack.env; set +a

counter init --home .local/loket --campaign kota-contoh --kind school_visit --place "SMA Contoh 1" --token "$TOKEN"
counter record --home .local/loket --nik 3573990202070002 --birth-date 2007-02-02 --group npsn:20599901
cat > .local/siswa.csv <<END
nik,birth_date,group,recorded_at
3573990303070003,2007-03-03,npsn:20599901,$(date +%Y-%m-%dT%H:%M:%S%:z)
END
counter import .local/siswa.csv --home .local/loket   # `counter import --help` names all columns
counter send --home .local/loket
counter status --home .local/loket --refresh
