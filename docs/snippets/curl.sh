# The APIs by hand: on the stack that `make up` started, in the campaign that own_campaign.py opened.
set -eu
set -a; . .local/stack.env; set +a

curl --fail -sS "$REPORTING_URL/v1/campaigns/kota-contoh/coverage"                  # how far, for everybody
curl --fail -sS "$REPORTING_URL/v1/campaigns/kota-contoh/coverage.csv?by=day"       # as a table
curl --fail -sS -H "Authorization: Bearer $TOKEN" "$ENROLLMENT_URL/v1/campaigns/kota-contoh"
curl --fail -sS -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -X POST \
  "$ENROLLMENT_URL/v1/campaigns/kota-contoh/targets" \
  -d "{\"scope\": \"outside\", \"value\": 5, \"effective_from\": \"$(date +%F)\", \"split\": \"stated\", \"reason\": \"walk-ins\"}"
