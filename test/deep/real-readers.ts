/** The programs that read an ecs.config, each fed with many files and asked for the variables it got. */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decodeUtf8, encodeUtf8 } from '../../src/core/utf8.ts'
import { type Read, type Reader, systemd252 } from '../core/readers.ts'
import { ENVIRONMENT, run } from './software.ts'

/** What a program made of each text. Broken UTF-8 stands in texts and values as lone surrogates (src/core/utf8.ts). */
export type RealReader = (texts: readonly string[]) => Promise<readonly Read[]>

/** A folder that is gone afterwards, with the texts as files 0, 1, … in it. */
async function withFiles<Result>(
  texts: readonly string[],
  parent: string,
  work: (folder: string, files: readonly string[]) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(join(parent, 'ecs-pull-auth-'))
  try {
    const files = texts.map((_, at) => join(folder, String(at)))
    for (const [at, file] of files.entries()) writeFileSync(file, encodeUtf8(texts[at] ?? ''))
    return await work(folder, files)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The variables of a dumped `/proc/self/environ`, without those that were there anyway. */
function environOf(dump: Uint8Array, own: Iterable<string>): Read {
  const variables = new Map<string, string>()
  for (const entry of decodeUtf8(dump).split('\0')) {
    const equals = entry.indexOf('=')
    if (equals > 0) variables.set(entry.slice(0, equals), entry.slice(equals + 1))
  }
  for (const name of own) variables.delete(name)
  return variables
}

// ── systemd ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const CGROUPS = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified']

/**
 * A booted systemd starts a service with `EnvironmentFile=` for every text. It runs over the machine's own root with
 * a layer in memory, in namespaces that end with this process whatever happens, and powers off when all is read.
 */
export const systemd: RealReader = async (texts) => {
  // An empty file tells what systemd sets itself.
  return await withFiles([...texts, ''], '/dev/shm', async (folder, files) => {
    const names = files.map((_, at) => `reader@${at}.service`)
    const units = join(folder, 'upper/etc/systemd/system')
    for (const path of ['work', 'merged', 'upper/readers', units.slice(folder.length + 1)]) {
      mkdirSync(join(folder, path), { recursive: true })
    }
    for (const [at, file] of files.entries()) writeFileSync(join(folder, 'upper/readers', `${at}`), readFileSync(file))
    writeFileSync(join(units, 'reader@.service'), READER)
    writeFileSync(join(units, 'readers.target'), `[Unit]\nWants=${names.join(' ')} finished.service\n`)
    writeFileSync(join(units, 'finished.service'), FINISHED.replace('NAMES', names.join(' ')))
    const groups = CGROUPS.map((hierarchy) => join(hierarchy, basename(folder)))
    try {
      const { status, stdout, stderr } = await run('bash', ['-c', ENTER_CGROUPS, 'boot', BOOT, folder, ...CGROUPS])
      if (status !== 0) throw new Error(`systemd did not boot and power off: ${status} ${stdout}${stderr}`)
    } finally {
      for (const group of groups) removeGroup(group)
    }
    const outputs = files.map((_, at) => outputOf(join(folder, 'upper/readers', `${at}.out`)))
    const own = environOf(outputs.at(-1) ?? new Uint8Array(), []) as ReadonlyMap<string, string>
    if (!own.has('INVOCATION_ID')) throw new Error('systemd started no service')
    return outputs.slice(0, -1).map((dump) => (dump === null ? { error: 'refused' } : environOf(dump, own.keys())))
  })
}

/** The model of what a service gets: systemd leaves out names that no environment can hold. */
export const systemdEnvironment: Reader = (text) => {
  const read = systemd252(text)
  return read instanceof Map ? new Map([...read].filter(([name]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name))) : read
}

const READER = `[Service]
Type=oneshot
EnvironmentFile=/readers/%i
StandardOutput=file:/readers/%i.out
ExecStart=/bin/cat /proc/self/environ
`

const FINISHED = `[Unit]
After=NAMES
SuccessAction=exit-force
[Service]
Type=oneshot
ExecStart=/bin/true
`

/** A cgroup of its own keeps this systemd apart from every other one (on hosts with cgroup v1). */
const ENTER_CGROUPS = `set -eu
boot=$1 folder=$2; shift 2
for hierarchy; do
  [ -d "$hierarchy" ] || continue
  mkdir -p "$hierarchy/$(basename "$folder")"
  echo $$ > "$hierarchy/$(basename "$folder")/cgroup.procs"
done
exec unshare --mount --propagation private --pid --fork --kill-child=KILL -- sh -euc "$boot" boot "$folder"`

const BOOT = `mount -t proc proc /proc
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/merged"
exec systemd-nspawn -q -D "$1/merged" --machine="$(basename "$1")" --register=no --keep-unit --private-network \\
  --console=pipe --resolv-conf=off --timezone=off --link-journal=no -b -- \\
  systemd.unit=readers.target systemd.show_status=false quiet`

/** What a service printed; null when systemd did not start it. */
function outputOf(file: string): Uint8Array | null {
  try {
    const dump = readFileSync(file)
    return dump.length > 0 ? dump : null
  } catch {
    return null
  }
}

/** Removes the cgroup and those that the instance made in it. None has a process any more. */
function removeGroup(group: string): void {
  let inside: readonly string[]
  try {
    inside = readdirSync(group, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
  } catch {
    return
  }
  for (const name of inside) removeGroup(join(group, name))
  rmdirSync(group)
}

// ── docker ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `docker create --env-file`, with a daemon that records what it is asked to create and creates nothing. */
export function dockerCli(command: string): RealReader {
  return async (texts) => {
    return await withFiles(texts, tmpdir(), async (folder, files) => {
      const created = new Map<string, readonly string[]>()
      const server = createServer((request, response) => {
        const body: Buffer[] = []
        request.on('data', (part: Buffer) => body.push(part))
        request.on('end', () => {
          const { pathname, searchParams } = new URL(request.url ?? '/', 'http://docker')
          if (pathname.endsWith('/containers/create')) {
            created.set(searchParams.get('name') ?? '', JSON.parse(Buffer.concat(body).toString()).Env ?? [])
          }
          const answer = pathname.endsWith('/containers/create') ? { Id: '0'.repeat(64), Warnings: [] } : 'OK'
          response.setHeader('Api-Version', '1.41')
          response.setHeader('Content-Type', 'application/json')
          response.writeHead(pathname.endsWith('/containers/create') ? 201 : 200)
          response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
        })
      })
      const socket = join(folder, 'docker.sock')
      await new Promise<void>((listening) => server.listen(socket, listening))
      try {
        const env = { ...ENVIRONMENT, HOME: folder, DOCKER_HOST: `unix://${socket}` }
        const reads: Read[] = []
        for (const [at, file] of files.entries()) {
          const name = `reader-${at}`
          const { status, stderr } = await run(command, ['create', '--name', name, '--env-file', file, 'image'], {
            env,
          })
          const variables = created.get(name)
          const read = status === 0 && variables !== undefined
          reads.push(read ? new Map(variables.map(splitVariable)) : { error: stderr.trim() })
        }
        return reads
      } finally {
        server.closeAllConnections()
        server.close()
      }
    })
  }
}

function splitVariable(variable: string): readonly [string, string] {
  const equals = variable.indexOf('=')
  return [variable.slice(0, equals), variable.slice(equals + 1)]
}

// ── Shells ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `. file` in a shell that exports all it sets; a complaint counts as a refusal. */
export function shell(command: string): RealReader {
  return async (texts) => {
    return await withFiles(texts, tmpdir(), async (folder, files) => {
      const source = async (file: string) => {
        const script = 'set -a; . "$1" || exit; exec /bin/cat /proc/self/environ'
        return await run(command, ['-c', script, 'sh', file], { cwd: folder, env: ENVIRONMENT })
      }
      writeFileSync(join(folder, 'empty'), '')
      const { stdout } = await source(join(folder, 'empty'))
      const own = [...(environOf(stdout, []) as ReadonlyMap<string, string>).keys()]
      const reads: Read[] = []
      for (const file of files) {
        const { status, stdout, stderr } = await source(file)
        reads.push(status === 0 && stderr === '' ? environOf(stdout, own) : { error: stderr.trim() })
      }
      return reads
    })
  }
}

// ── The key/value form ───────────────────────────────────────────────────────────────────────────────────────────────

const parts = fileURLToPath(new URL('../../deploy/node', import.meta.url))

const LINES_OF_PAIRS = `
import json, sys
sys.path.insert(0, sys.argv[1])
from ecs_config import read_stored
print(json.dumps([read_stored(text, 'replace') for text in json.loads(sys.argv[2])]))`

/** Stored configs in the key/value form as the lines that the node's own script writes. */
export async function linesOfPairs(texts: readonly string[]): Promise<readonly string[]> {
  const { status, stdout, stderr } = await run('python3', ['-B', '-c', LINES_OF_PAIRS, parts, JSON.stringify(texts)])
  if (status !== 0) throw new Error(`the node's script refused a config: ${stderr}`)
  return JSON.parse(stdout.toString())
}
