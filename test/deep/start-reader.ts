/**
 * Somebody who follows docs/start.md, and one night docs/troubleshooting.md, in a root where nothing is but Debian's programs and a Node, and in a network where
 * nobody is but doubles of GitHub and AWS. Prints what each command printed, as JSON. start.test.ts starts it in
 * namespaces of its own, so that it can mount, be ghcr.io, and leave nothing.
 */

import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { CreateSecretCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { Secret } from '../../src/core/secret.ts'
import { systemClock } from '../../src/wiring.ts'
import { type AwsDouble, startAws } from '../aws/server.ts'
import type { Identity } from '../aws/signature.ts'
import { type Act, actsOf, readPage, root } from '../docs/page.ts'
import { selfSigned } from '../doubles/certificate.ts'
import { startIam } from '../doubles/iam.ts'
import { type Instance, runnerOn, startInstance } from '../doubles/instance.ts'
import { type PlainAnswer, plainRequest } from '../doubles/plain-http.ts'
import { createRegistry } from '../doubles/registry.ts'

const [REGION, ACCOUNT] = ['eu-central-1', '111122223333']
const INSTANCES = ['i-0a11c0ffee0000001', 'i-0a11c0ffee0000002']
const CLONED = 'https://github.com/ecs-pull-auth/ecs-pull-auth'
const USER = 'acme-bot'
/** What the reader answers to `read`. */
const TOKEN = 'ghp_0123456789abcdefghijklmnopqrstuvwxyz'
/** What somebody puts in its place later, and takes back at GitHub one night. */
const LATER = 'ghp_zyxwvutsrqponmlkjihgfedcba9876543210'
const CONFIG = `ECS_CLUSTER=prod
ECS_ENGINE_AUTH_TYPE=dockercfg
ECS_ENGINE_AUTH_DATA={"ghcr.io":{"auth":"YWNtZS1ib3Q6b2xkLXRva2Vu"}}
`
const [folder = ''] = process.argv.slice(2)

// ── The root ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Debian's programs, a Node, a home; no package manager's files, no configuration, no credentials. */
function makeRoot(): string {
  const place = join(folder, 'root')
  mkdirSync(place)
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', place])
  for (const name of ['usr', 'proc', 'dev', 'etc', 'tmp', 'root', 'srv']) mkdirSync(join(place, name))
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(place, name))
  execFileSync('mount', ['--bind', '/usr', join(place, 'usr')])
  execFileSync('mount', ['-o', 'remount,bind,ro', join(place, 'usr')])
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(place, 'usr/local')])
  mkdirSync(join(place, 'usr/local/bin'))
  execFileSync('mount', ['-t', 'proc', 'proc', join(place, 'proc')])
  for (const name of ['null', 'zero', 'random', 'urandom']) {
    writeFileSync(join(place, 'dev', name), '')
    execFileSync('mount', ['--bind', `/dev/${name}`, join(place, 'dev', name)])
  }
  for (const [name, to] of [
    ['fd', ''],
    ['stdin', '/0'],
    ['stdout', '/1'],
    ['stderr', '/2'],
  ] as const)
    symlinkSync(`/proc/self/fd${to}`, join(place, 'dev', name))
  writeFileSync(join(place, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/bash\n')
  writeFileSync(join(place, 'etc/hosts'), '127.0.0.1 localhost ghcr.io api.github.com\n')
  const node = join(place, 'usr/local/bin/node')
  writeFileSync(node, '')
  execFileSync('mount', ['--bind', process.execPath, node])
  return place
}

/** What would be cloned if the working tree were pushed now. */
function publishTree(place: string): void {
  const repository = join(place, 'srv/repository')
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false']
  const git = (...args: readonly string[]) =>
    execFileSync('git', [...identity, `--git-dir=${repository}`, `--work-tree=${root}`, ...args], {
      cwd: root,
      env: { PATH: process.env['PATH'] ?? '', HOME: folder, GIT_CONFIG_NOSYSTEM: '1' },
    })
  execFileSync('git', ['init', '-q', '--bare', repository], { env: { PATH: process.env['PATH'] ?? '', HOME: folder } })
  git('config', 'core.bare', 'false')
  git('add', '-A')
  git('commit', '-q', '-m', 'The working tree')
}

// ── The network ──────────────────────────────────────────────────────────────────────────────────────────────────────

interface Github {
  /** Speaks for ghcr.io and GitHub's API, which are at their own names and port. */
  readonly certificate: string
  /** A token that may pull; what is returned takes it back. */
  readonly make: (token: string) => () => void
}

async function startGithub(): Promise<Github> {
  const registry = createRegistry({
    challenge: () => 'Bearer realm="https://ghcr.io/token",service="test-registry",scope="repository:acme/app:pull"',
  })
  const user = (authorization: string | undefined): PlainAnswer =>
    registry.tokens.login(USER, authorization?.replace('Bearer ', '') ?? '') !== null
      ? {
          status: 200,
          headers: {
            'x-oauth-scopes': 'read:packages',
            'github-authentication-token-expiration': '2099-12-31 23:59:59 UTC',
          },
          body: JSON.stringify({ login: USER }),
        }
      : { status: 401, body: '{}' }
  const certificate = selfSigned(['ghcr.io', 'api.github.com'])
  const server = createTlsServer(certificate, async (incoming, response) => {
    const request = await plainRequest(incoming)
    const isApi = request.headers['host'] === 'api.github.com'
    const answer = isApi ? user(request.headers['authorization']) : registry.answer(request)
    const { status, headers, body = '' } = answer
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(request.method === 'HEAD' ? undefined : body)
  })
  await new Promise<void>((done) => server.listen(443, '127.0.0.1', done))
  const make = (password: string) => {
    const id = registry.tokens.add({ username: USER, password, pulls: ['acme/*'], expiresAt: null })
    return () => void registry.tokens.remove(id)
  }
  return { certificate: certificate.cert, make }
}

interface Account {
  readonly aws: AwsDouble
  readonly environment: Readonly<Record<string, string>>
}

/** An AWS account with two container instances that have no tag yet; what somebody has in the environment who may use it. */
async function startAccount(): Promise<Account> {
  const make = (name: string, actions: readonly string[]): Identity => ({
    name: `arn:aws:sts::${ACCOUNT}:assumed-role/${name}/session`,
    accessKeyId: `ASIA${name.toUpperCase()}`,
    secretAccessKey: `key-of-${name}`,
    sessionToken: `session-of-${name}`,
    actions,
  })
  const [person, node] = [make('person', ['*']), make('node', ['secretsmanager:GetSecretValue'])]
  const instances: Instance[] = []
  const aws = await startAws({
    clock: systemClock,
    region: REGION,
    account: ACCOUNT,
    identities: [person, node],
    instances: INSTANCES.map((id) => ({ id })),
    runner: { run: (job) => runnerOn(instances).run({ ...job, env: { ...job.env, SSM_jitterSeconds: '0' } }) },
    visibility: { command: 0, counters: 0, invocations: 0 },
  })
  const iam = await startIam({
    region: REGION,
    account: ACCOUNT,
    identities: [person],
    principals: { [`arn:aws:iam::${ACCOUNT}:role/person`]: () => true },
  })
  for (const id of INSTANCES) {
    const credentials = {
      accessKeyId: node.accessKeyId,
      secretAccessKey: new Secret(node.secretAccessKey ?? ''),
      sessionToken: new Secret(node.sessionToken ?? ''),
    }
    instances.push(
      await startInstance({ id, folder: join(folder, id), secretsEndpoint: aws.endpoint, credentials, config: CONFIG }),
    )
  }
  const environment = {
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: person.accessKeyId,
    AWS_SECRET_ACCESS_KEY: person.secretAccessKey ?? '',
    AWS_SESSION_TOKEN: person.sessionToken ?? '',
    AWS_ENDPOINT_URL: aws.endpoint,
    AWS_ENDPOINT_URL_STS: iam.url,
    AWS_ENDPOINT_URL_IAM: iam.url,
    NODE_EXTRA_CA_CERTS: '/etc/github.pem',
  }
  return { aws, environment }
}

// ── The AWS CLI ──────────────────────────────────────────────────────────────────────────────────────────────────────

type Options = Readonly<Record<string, readonly string[]>>

interface Call {
  /** The options that it must have, and no others. */
  readonly takes: readonly string[]
  readonly run: (given: Options) => Promise<string> | string
}

/** The few calls of the AWS CLI that the pages make. */
function awsCalls({ aws, environment }: Account): Readonly<Record<string, Call>> {
  const one = (given: Options, name: string) => given[name]?.[0] ?? ''
  const output = ['query', 'output']
  const client = new SecretsManagerClient({
    endpoint: aws.endpoint,
    region: REGION,
    credentials: {
      accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
      sessionToken: environment['AWS_SESSION_TOKEN'] ?? '',
    },
  })
  return {
    'secretsmanager create-secret': {
      takes: ['name', 'secret-string', ...output],
      run: async (given) => {
        const wish = { Name: one(given, 'name'), SecretString: one(given, 'secret-string') }
        return (await client.send(new CreateSecretCommand(wish))).Name ?? ''
      },
    },
    'secretsmanager put-secret-value': {
      takes: ['secret-id', 'secret-string', ...output],
      run: async (given) => {
        const wish = { SecretId: one(given, 'secret-id'), SecretString: one(given, 'secret-string') }
        return (await client.send(new PutSecretValueCommand(wish))).Name ?? ''
      },
    },
    'ssm create-document': {
      takes: ['name', 'document-type', 'content', ...output],
      run: (given) => (aws.ssm.publishDocument(one(given, 'name'), one(given, 'content')) ? 'Creating' : ''),
    },
    'ec2 create-tags': {
      takes: ['resources', 'tags'],
      run: (given) => {
        const [key = '', value = ''] = one(given, 'tags').replace('Key=', '').split(',Value=')
        for (const id of given['resources'] ?? []) aws.ssm.register({ id, tags: { [key]: value } })
        return ''
      },
    },
  }
}

async function answerAws(account: Account, argv: readonly string[]): Promise<string> {
  const [service = '', operation = '', ...rest] = argv
  const given: Record<string, string[]> = {}
  let last: string[] = []
  for (const word of rest) {
    if (word.startsWith('--')) last = given[word.slice(2)] = []
    else last.push(word)
  }
  const call = awsCalls(account)[`${service} ${operation}`]
  if (call === undefined) throw new Error(`aws ${service} ${operation} is not known here`)
  const missing = call.takes.filter((name) => given[name] === undefined)
  const unknown = Object.keys(given).filter((name) => !call.takes.includes(name))
  if (missing.length + unknown.length > 0) throw new Error(`missing: ${missing}; unknown: ${unknown}`)
  return await call.run(given)
}

/** Stands in the root for the AWS CLI: reads `file://` as that does, and passes the rest on. */
const AWS = `#!/usr/local/bin/node
const { readFileSync } = require('node:fs')
const argv = process.argv.slice(2).map((word) => (word.startsWith('file://') ? readFileSync(word.slice(7), 'utf8') : word))
fetch('http://127.0.0.1:PORT', { method: 'POST', body: JSON.stringify(argv) }).then(async (answer) => {
  const text = await answer.text()
  if (text !== '') console.log(text)
  process.exitCode = answer.ok ? 0 : 254
})
`

async function installAws(place: string, account: Account, night: () => void): Promise<void> {
  const server = createServer(async (incoming, response) => {
    const { body } = await plainRequest(incoming)
    try {
      const argv = JSON.parse(body)
      if (argv[0] === NIGHT) night()
      response.end(argv[0] === NIGHT ? '' : await answerAws(account, argv))
    } catch (error) {
      response.writeHead(400).end(`aws: ${error instanceof Error ? error.message : error}`)
    }
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const file = join(place, 'usr/local/bin/aws')
  writeFileSync(file, AWS.replace('PORT', String((server.address() as AddressInfo).port)), { mode: 0o755 })
}

// ── The reader ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Around what a command prints. */
const [BEGIN, END] = ['\u001e', '\u001f']

/** Not a service of AWS: by this word the world takes the current token back. */
const NIGHT = 'night'

/** Between the two pages, and not printed: the fleet gets a later token, which then dies. */
const DISASTER = `{
  printf '{"username":"${USER}","password":"${LATER}"}' | aws secretsmanager put-secret-value \\
    --secret-id prod/ghcr.io/pull --secret-string file:///dev/stdin --query Name --output text
  ecs-pull-auth rotate --plan ecs-pull-auth.yaml && ecs-pull-auth reload --plan ecs-pull-auth.yaml && aws ${NIGHT}
} >/dev/null 2>&1 || echo 'There was no disaster.'`

const typed = (command: string) => [`printf '${BEGIN}'`, command, `printf '${END}'`]

/** One shell types everything; only from the first command of AWS on it has an account. */
function scriptOf(acts: readonly Act[], night: readonly Act[]): string {
  let account = false
  const lines = ['exec 2>&1']
  for (const act of acts) {
    if (act.kind === 'save') {
      lines.push(`cat >'${act.name}' <<'END OF FILE'`, `${act.text}END OF FILE`)
      continue
    }
    if (!account && /\baws /.test(act.command)) {
      account = true
      lines.push('. /root/account')
    }
    lines.push(...typed(act.command))
  }
  lines.push(DISASTER)
  for (const act of night) if (act.kind === 'command') lines.push(...typed(act.command))
  return `${lines.join('\n')}\n`
}

async function follow(script: string): Promise<readonly string[]> {
  const place = makeRoot()
  publishTree(place)
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
  const github = await startGithub()
  github.make(TOKEN)
  const takeBack = github.make(LATER)
  const account = await startAccount()
  await installAws(place, account, takeBack)
  writeFileSync(join(place, 'etc/github.pem'), github.certificate)
  const exports = Object.entries(account.environment).map(([name, value]) => `export ${name}='${value}'\n`)
  writeFileSync(join(place, 'root/account'), exports.join(''))
  writeFileSync(join(place, 'root/script'), script)
  const installed = join(place, 'usr/local/bin/ecs-pull-auth')
  writeFileSync(installed, '#!/bin/sh\nexec node /root/first/ecs-pull-auth/dist/cli.cjs "$@"\n', { mode: 0o755 })
  writeFileSync(join(folder, 'token'), `${TOKEN}\n`)
  const shell = spawn('/usr/sbin/chroot', [place, '/bin/bash', '-c', 'cd; mkdir first; cd first; . /root/script'], {
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: '/root',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'url./srv/repository.insteadOf',
      GIT_CONFIG_VALUE_0: CLONED,
    },
    stdio: [openSync(join(folder, 'token'), 'r'), 'pipe', 'inherit'],
  })
  let printed = ''
  shell.stdout?.on('data', (part: Buffer) => {
    printed += part
  })
  await new Promise((done) => shell.once('close', done))
  return printed
    .split(BEGIN)
    .slice(1)
    .map((part) => part.slice(0, part.indexOf(END)).trimEnd())
}

const [start, night] = ['docs/start.md', 'docs/troubleshooting.md'].map((file) => actsOf(readPage(file)))
const printed = await follow(scriptOf(start ?? [], night ?? []))
process.stdout.write(JSON.stringify(printed), () => process.exit(0))
