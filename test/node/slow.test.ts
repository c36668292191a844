/** The longest run there can be: everything answers at the last moment or not at all, on a clock that only pretends. */

import assert from 'node:assert/strict'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DOCUMENT, startBench } from './bench.ts'

/** Time passes only where the script waits, and it waits as long as it can each time. */
const SLOW = `
import fcntl, http.client, os, random, subprocess, sys, time, urllib.request
now, starts, leaving = 0.0, 1, None
def wait(seconds):
    global now
    now += max(0, seconds)
time.monotonic, time.sleep = lambda: now, wait
random.uniform = lambda low, high: high

def flock(file, operation):
    if operation & fcntl.LOCK_NB:
        raise BlockingIOError
    wait(59)
fcntl.flock = flock

def state():
    global leaving
    if not os.path.exists(os.environ['ECS_PULL_AUTH_ROOT'] + '/var/lib/ecs-pull-auth/written.json') or starts > 1:
        return 'active'
    leaving = now if leaving is None else leaving
    return 'deactivating' if now < leaving + 75 else 'active'

class Slow:
    pid, returncode = -1, -9
    def __init__(self, argv, **_):
        self.argv = argv
    def communicate(self, timeout=None):
        global starts
        if timeout is None:
            return b'', None
        if 'show' in self.argv:
            facts = 'LoadState=loaded\\nActiveState=%s\\nExecMainStartTimestampMonotonic=%d\\n' % (state(), starts)
            wait(timeout - 0.1)
            return facts.encode(), None
        starts += 'restorecon' not in self.argv
        wait(timeout)
        raise subprocess.TimeoutExpired(self.argv, timeout)
subprocess.Popen, os.killpg = Slow, lambda *_: None

failures = {'/api/token': 2, '/security-credentials/': 1}
really_open = urllib.request.OpenerDirector.open
def slow_open(self, request, data=None, timeout=None):
    url = request if isinstance(request, str) else request.full_url
    kind = next((kind for kind in failures if url.endswith(kind)), None)
    wait(timeout - 0.1)
    if url.endswith('/v1/metadata') or failures.get(kind):
        failures[kind] = failures.get(kind, 0) - 1
        raise OSError
    return really_open(self, request, data, 60)
urllib.request.OpenerDirector.open = slow_open

ask = http.client.HTTPConnection.request
def slow_ask(self, *rest, **more):
    if type(self).__name__ == 'DockerSocket':
        wait(self.timeout)
        raise OSError
    return ask(self, *rest, **more)
http.client.HTTPConnection.request = slow_ask
`

const DEFAULTS = { ECS_PULL_AUTH_HEALTH_SECONDS: '', ECS_PULL_AUTH_POLL_SECONDS: '' }

test('the longest run that there can be ends by itself, before the SSM agent would kill it', async (t) => {
  const bench = await startBench(t, { environment: DEFAULTS })
  symlinkSync('/bin/true', join(bench.instance.bin, 'restorecon'))
  bench.preludePython(SLOW)
  const { exitCode, status } = await bench.reload({ jitterSeconds: '900' })
  assert.deepEqual([exitCode, status.reason], [14, 'agent-unhealthy'])
  t.diagnostic(`${status.seconds} s`)
  assert.ok(status.seconds > 1_300, 'everything was waited for')
  for (const { inputs } of DOCUMENT.mainSteps) assert.ok(status.seconds < Number(inputs.timeoutSeconds))
})
