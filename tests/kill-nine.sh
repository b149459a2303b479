#!/usr/bin/env bash
# Kills the all-in-one process (SIGKILL) at random moments of rollouts and of traffic, and looks each time whether anything acknowledged is lost,
# whether a device installed twice, and whether a QoS 2 message came twice.      tests/kill-nine.sh [kills, 100] [seed, 1]
set -euo pipefail
cd "$(dirname "$0")/.."
FLEET_KILLS=${1:-100} FLEET_SESSION_KILLS=${1:-100} FLEET_KILL_SEED=${2:-1} dotnet test tests/Fleet.IntegrationTests --filter "FullyQualifiedName~KillTests" --logger "console;verbosity=detailed"
