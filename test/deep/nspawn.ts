/**
 * Machines with a systemd of their own, booted by systemd-nspawn over this machine's root with a layer in memory. All of
 * a machine is in namespaces that end with this process whatever happens (facts/test-stack.md section 3).
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ENVIRONMENT, hasNamespaces, isProgram, programPath, type Ran, run } from './software.ts'

/** For isMissing. */
export function nspawnNeeds(): Readonly<Record<string, boolean>> {
  return {
    'systemd-nspawn': programPath('systemd-nspawn') !== null,
    ip: programPath('ip') !== null,
    '/usr/bin/python3': isProgram('/usr/bin/python3'),
    namespaces: hasNamespaces(),
  }
}

/** Systemd's hierarchies on hosts with cgroup v1, and the only one of hosts with v2. */
const CGROUPS = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified', '/sys/fs/cgroup']
const MEMORY = '/dev/shm'
const PREFIX = 'ecs-pull-auth-machine-'
/** The machine may be busy with many others. */
const PATIENCE = 120_000

export interface MachineSetup {
  /** The unit that it boots to. */
  readonly target: string
  /** Where the shared folder shows up in it. */
  readonly sharedAt: string
  /** Puts files into the machine's layer before its first boot. */
  readonly furnish: (layer: string) => void
}

export class Machine {
  readonly #setup: MachineSetup
  /** Of this machine, and seen in the other one too. */
  readonly shared: string
  readonly #folder: string
  #process: ChildProcess | null = null
  #leader = 0

  constructor(setup: MachineSetup) {
    removeStale()
    this.#setup = setup
    this.#folder = mkdtempSync(join(MEMORY, `${PREFIX}${process.pid}-`))
    this.shared = join(this.#folder, 'shared')
    for (const name of ['upper', 'work', 'merged', 'shared']) mkdirSync(join(this.#folder, name))
    setup.furnish(join(this.#folder, 'upper'))
  }

  /** Resolves when its systemd takes commands. */
  async boot(): Promise<void> {
    const groups = CGROUPS.filter((hierarchy) => existsSync(join(hierarchy, 'cgroup.procs')))
    const { target, sharedAt } = this.#setup
    const command = [
      'bash',
      '-c',
      ENTER_CGROUPS,
      'boot',
      BOOT,
      this.#folder,
      `${this.shared}:${sharedAt}`,
      target,
      ...groups,
    ]
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
      env: ENVIRONMENT,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#process = child
    let complaints = ''
    child.stderr?.on('data', (part: Buffer) => {
      complaints += part
    })
    await until(`${this.#folder} boots`, async () => {
      if (child.exitCode !== null) throw new Error(`systemd-nspawn ended: ${complaints}`)
      this.#leader ||= leaderOf(child.pid ?? 0)
      return this.#leader > 0 && existsSync(this.path('/run/systemd/private'))
    })
  }

  /** The path from here of one of its files. It must be running. */
  path(name: string): string {
    return `/proc/${this.#leader}/root${name}`
  }

  /** The command line that runs a program in it, as root and with no environment but this. */
  commandLine(argv: readonly string[], env: Readonly<Record<string, string>> = {}): readonly string[] {
    const variables = Object.entries({ ...ENVIRONMENT, ...env }).map(([name, value]) => `${name}=${value}`)
    const namespaces = ['-m', '-u', '-i', '-n', '-p', '-C', '-r', '-w']
    return ['nsenter', '-t', `${this.#leader}`, ...namespaces, '--', 'env', '-i', ...variables, ...argv]
  }

  async run(...argv: readonly string[]): Promise<Ran> {
    const [command = '', ...args] = this.commandLine(argv)
    return await run(command, args)
  }

  /** Its output; throws when it fails. */
  async shell(script: string): Promise<string> {
    const { status, stdout, stderr } = await this.run('sh', '-euc', script)
    if (status !== 0) throw new Error(`exit ${status} of ${script}\n${stdout}${stderr}`)
    return stdout.toString()
  }

  /** Ends everything in it at once; its files stay. */
  async cutPower(): Promise<void> {
    const child = this.#process
    if (child === null) return
    this.#process = null
    const ended = child.exitCode === null ? new Promise((done) => child.once('close', done)) : null
    if (this.#leader > 0) process.kill(this.#leader, 'SIGKILL')
    else child.kill('SIGKILL')
    this.#leader = 0
    await ended
  }

  async remove(): Promise<void> {
    await this.cutPower()
    await until('nothing of it is left', async () => removeFolder(this.#folder))
  }
}

/** With the cgroups of its machine; false while a process of that is still ending. */
function removeFolder(folder: string): boolean {
  if (!CGROUPS.every((hierarchy) => removeGroup(join(hierarchy, basename(folder))))) return false
  rmSync(folder, { recursive: true, force: true })
  return true
}

/** What a process left that was killed itself. */
function removeStale(): void {
  for (const name of readdirSync(MEMORY)) {
    const owner = name.startsWith(PREFIX) ? name.slice(PREFIX.length).split('-')[0] : undefined
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) removeFolder(join(MEMORY, name))
  }
}

/** Each machine gets a cgroup of its own, or they would end each other's services. */
const ENTER_CGROUPS = `set -eu
boot=$1 folder=$2 bind=$3 target=$4; shift 4
for hierarchy; do
  mkdir -p "$hierarchy/$(basename "$folder")"
  echo $$ > "$hierarchy/$(basename "$folder")/cgroup.procs"
done
exec unshare --mount --propagation private --pid --fork --kill-child=KILL -- sh -euc "$boot" boot "$folder" "$bind" "$target"`

const BOOT = `mount -t proc proc /proc
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/merged"
exec systemd-nspawn -q -D "$1/merged" --machine="$(basename "$1")" --register=no --keep-unit --private-network \\
  --console=pipe --resolv-conf=off --timezone=off --link-journal=no --bind="$2" -b -- \\
  systemd.unit="$3" systemd.show_status=false quiet`

/** The machine's PID 1: grandchild of unshare, in a PID namespace of its own. 0: not there yet. */
function leaderOf(unshare: number): number {
  for (const nspawn of childrenOf(unshare)) {
    const leader = childrenOf(nspawn).find((pid) => namespacedIds(pid).length === 3 && commandOf(pid) === 'systemd')
    if (leader !== undefined) return leader
  }
  return 0
}

function childrenOf(pid: number): readonly number[] {
  return readProc(pid, `task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number)
}

/** Its id in each PID namespace that it is in. */
function namespacedIds(pid: number): readonly string[] {
  const ids = /^NSpid:\t(.*)$/m.exec(readProc(pid, 'status'))?.[1]?.split('\t') ?? []
  return ids.slice(depthHere - 1)
}
const depthHere = /^NSpid:\t(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]?.split('\t').length ?? 1

function commandOf(pid: number): string {
  return readProc(pid, 'comm').trim()
}

function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return ''
  }
}

/** Removes a cgroup and those in it; false while a process of it is still ending. */
function removeGroup(group: string): boolean {
  if (!existsSync(group)) return true
  const inside = readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  if (!inside.every(({ name }) => removeGroup(join(group, name)))) return false
  try {
    rmdirSync(group)
    return true
  } catch {
    return false
  }
}

/** Looks again and again; real programs cannot tell this process when they are done. */
export async function until(what: string, isDone: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE
  while (!(await isDone())) {
    if (performance.now() > deadline) throw new Error(`It took too long until ${what}.`)
    await sleep(30)
  }
}
