#!/usr/bin/env bash
# Runs the Eclipse Paho interoperability suite (client_test.py: MQTT 3.1.1, client_test5.py: MQTT 5.0) against a gateway that it builds and
# starts, or against any broker that listens already:
#     tests/paho-suite.sh <folder of github.com/eclipse/paho.mqtt.testing> [--port N] [--transport reactor|kestrel] [test, …]
# Needs python3. Exits with 0 if nothing failed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
suite="" port="" settings=()
tests=()
while [ $# -gt 0 ]; do
    case $1 in
        --port) port=$2; shift 2 ;;
        --transport) settings+=("--Fleet:Gateway:Transport=$2"); shift 2 ;;
        *) if [ -z "$suite" ]; then suite=$1; else tests+=("$1"); fi; shift ;;
    esac
done
[ -f "$suite/interoperability/client_test5.py" ] || { echo "usage: tests/paho-suite.sh <folder of paho.mqtt.testing> [--port N] [--transport reactor|kestrel] [test, …]" >&2; exit 2; }
suite=$(cd "$suite/interoperability" && pwd)

export WORK; WORK=$(mktemp -d); work=$WORK
gateway=""
stop() { [ -z "$gateway" ] || { kill "$gateway" && wait "$gateway" || true; } 2>/dev/null; rm -rf "$work"; }
trap stop EXIT

if [ -z "$port" ]; then
    silo=${FLEET_SILO:-}    # a built Fleet.Silo.dll; without it, this tree is built
    [ -n "$silo" ] || { dotnet build "$here/../silo" -c Release --tl:off -v quiet -nologo -o "$work/silo"; silo=$work/silo/Fleet.Silo.dll; }
    # The suite wants: one filter that nobody may subscribe to; a server that says 60 s (test_server_keep_alive). And one that keeps its reasons
    # back: test_subscribe_failure takes no refusal but SUBACK 0x80, which is for a server that "does not wish to reveal the reason" (MQTT 5.0, 3.9.3),
    # and test_dollar_topics none at all, so that a PUBLISH that is not allowed must be answered "according to the normal QoS rules" [3.1.1 MQTT-3.3.5-2].
    cat > "$work/policy.json" <<'POLICY'
{ "Version": "2012-10-17", "Statement": [
    { "Effect": "Allow", "Action": "iot:*", "Resource": "*" },
    { "Effect": "Deny", "Action": "iot:Subscribe", "Resource": "topicfilter/test/nosubscribe" } ] }
POLICY
    dotnet "$silo" --Fleet:DataDirectory="$work/data" --Fleet:Http:Port=0 --Fleet:Metrics:Port=0 --Fleet:Gateway:MqttsPort=0 --Fleet:Gateway:PlainPort=0 \
        --Fleet:Gateway:PlainPolicyPath="$work/policy.json" --Fleet:Gateway:MaxKeepAliveSeconds=60 --Fleet:Gateway:RevealReasons=false "${settings[@]}" > "$work/log" 2>&1 &
    gateway=$!
    for _ in $(seq 300); do
        port=$(sed -n 's/^{.*"plain":\([0-9]*\).*/\1/p' "$work/log" | head -1)
        [ -z "$port" ] || break
        kill -0 "$gateway" 2>/dev/null || { cat "$work/log"; exit 1; }
        sleep 0.1
    done
    [ -n "$port" ] || { cat "$work/log"; exit 1; }
fi

cd "$suite"
status=0
python3 -u - "$port" "${tests[@]}" <<'PYTHON' || status=$?
import importlib, os, signal, sys, time, traceback, unittest

PATIENCE = 90    # seconds per test: some wait for a message without a limit of their own

class Report(unittest.TestResult):
    """One line per test to the parent; what the tests print goes to a file of their own."""
    def __init__(self, pipe):
        super().__init__()
        self.pipe = pipe
    def startTest(self, test):
        os.write(self.pipe, f"start {test._testMethodName}\n".encode())
        signal.alarm(PATIENCE)    # its default action ends the process, whatever the test catches
    def addSuccess(self, test):
        os.write(self.pipe, b"passed\n")
    def addFailure(self, test, error):
        print("".join(traceback.format_exception(*error)), file=sys.stderr)
        os.write(self.pipe, b"FAILED\n")
    addError = addFailure

def run(name, tests, said):
    """Runs tests in a process of their own; yields (test, outcome). If one hangs, the rest follow in a new process."""
    while tests:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(said, 1), os.dup2(said, 2)
            module = importlib.import_module(name)
            vars(module).update(
                host="127.0.0.1", port=int(sys.argv[1]), nosubscribe_topics=("test/nosubscribe",), topic_prefix="client_test5/",
                topics=("TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA"), wildtopics=("TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#"))
            unittest.TestSuite(map(module.Test, tests)).run(Report(writing))
            os._exit(0)
        os.close(writing)
        current = None
        for line in os.fdopen(reading):
            word, _, current_or_none = line.strip().partition(" ")
            if word == "start": current = current_or_none
            else:
                tests.remove(current)
                yield current, word
                current = None
        os.waitpid(child, 0)
        if current is None and tests: current, word = tests[0], "FAILED: the suite's own set-up"
        else: word = f"FAILED: not done in {PATIENCE} s"
        if current:
            tests.remove(current)
            yield current, word

sys.path.insert(0, os.getcwd())
status, wanted = 0, sys.argv[2:]
for name in ("client_test", "client_test5"):
    module = importlib.import_module(name)
    tests = [t for t in unittest.defaultTestLoader.getTestCaseNames(module.Test) if not wanted or t in wanted]
    said = os.open(f"{os.environ['WORK']}/{name}.log", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    passed = failed = 0
    began = time.monotonic()
    for test, outcome in run(name, list(tests), said):
        print(f"{outcome}  {name}.{test}  ({time.monotonic() - began:.0f} s)", flush=True)
        began = time.monotonic()
        if outcome == "passed": passed += 1; continue
        failed += 1
    if failed:
        status = 1
        os.lseek(said, 0, os.SEEK_SET)
        print(f"--- {name} said:\n" + os.read(said, 1 << 20).decode(errors="replace"))
    print(f"{name}: {passed} passed, {failed} failed", flush=True)
sys.exit(status)
PYTHON
[ $status = 0 ] || [ -z "$gateway" ] || { echo "--- the gateway said:"; grep -v '^{' "$work/log" | tail -40; }
exit $status
