/**
 * The Windows step without Windows: PowerShell is not to be had where these tests run, so parts of its text are taken
 * out and carried out here as .NET would carry them out. That is a model, and docs/node.md says so: the order of the
 * steps, the service and the registry are read only, not run.
 */

import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAuthData } from '../../src/core/auth-data.ts'
import { NODE_EXITS, NODE_RESULTS } from '../../src/core/node-status.ts'
import { authenticate } from '../aws/signature.ts'
import { CREDENTIALS, DOCUMENT } from './bench.ts'
import { SECRET_ARN } from './secret-endpoint.ts'

const STEP = DOCUMENT.mainSteps.find(({ action }) => action === 'aws:runPowerShellScript')
const SCRIPT = STEP?.inputs.runCommand.join('\n') ?? ''

/** The value of a variable that is put together of literals in single quotes and of such variables. */
function pattern(name: string): string {
  const [, expression = ''] = new RegExp(`^\\$${name} = (.*)$`, 'm').exec(SCRIPT) ?? []
  assert.notEqual(expression, '', name)
  return expression
    .split(' + ')
    .map((term) => (term.startsWith('$') ? pattern(term.slice(1)) : term.slice(1, -1).replaceAll("''", "'")))
    .join('')
}

const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 2_000)

test('what the regular expression takes for registry auth, the agent takes too', () => {
  const shape = new RegExp(pattern('shape'))
  const known = JSON.parse(readFileSync(new URL('../vectors/auth-resolution.json', import.meta.url), 'utf8')).vectors
  const text = fc
    .array(
      fc.constantFrom('{', '}', '"ghcr.io"', '"auth"', '"dTpw"', ':', ',', ' ', '\t', '\u00a0', '"\\u0041"', '1', '"'),
    )
    .map((tokens) => tokens.join(''))
  const entries = fc.dictionary(
    fc.string(),
    fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.constantFrom<unknown>(1, null, {}))),
  )
  const sampled = [...fc.sample(text, RUNS), ...fc.sample(entries, RUNS).map((value) => JSON.stringify(value))]
  let taken = 0
  for (const data of [...known.map(({ authData }: { authData: string }) => authData), ...sampled]) {
    if (!shape.test(data)) continue
    taken += 1
    assert.equal(parseAuthData('docker', data).fault, null, data)
    assert.equal(parseAuthData('dockercfg', data).fault, null, data)
  }
  assert.ok(taken > 100, `${taken} were taken`)
  for (const good of ['{"ghcr.io":{"auth":"dTpw"}}', '{ "a": {"username":"u\\"","password":"\\u00e4"} , "b":{} }'])
    assert.match(good, shape)
})

/** What a PowerShell string in double quotes is with these variables. */
function interpolated(text: string, variables: Readonly<Record<string, string>>): string {
  return text
    .replaceAll('`n', '\n')
    .replaceAll(
      /\$\(\$([\w.]+)\)|\$(\w+)/g,
      (_, dotted?: string, plain?: string) => variables[dotted ?? plain ?? ''] ?? '',
    )
}

test('the request is signed as Secrets Manager wants it', () => {
  const literals = (name: string) => {
    const at = SCRIPT.indexOf(`$${name} = `)
    const statement = /^.*?(?<![+,])\n/s.exec(SCRIPT.slice(at))?.[0] ?? ''
    return [...statement.matchAll(/"((?:[^"`]|`.)*)"/g)].map(([, text = '']) => text).join('')
  }
  const { accessKeyId, secretAccessKey, sessionToken } = CREDENTIALS
  const now = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const hash = (text: string) => createHash('sha256').update(text).digest('hex')
  const variables: Record<string, string> = {
    region: 'eu-central-1',
    suffix: 'amazonaws.com',
    now,
    'keys.Token': sessionToken.reveal(),
    'keys.AccessKeyId': accessKeyId,
  }
  const [, signed = ''] = /^ *\$signed = '(.*)'$/m.exec(SCRIPT) ?? []
  variables['signed'] = signed
  variables['hostName'] = interpolated(literals('hostName'), variables)
  variables['scope'] = now.slice(0, 8) + interpolated(literals('scope'), variables)
  const body = `{"SecretId":"${SECRET_ARN}","VersionStage":"AWSCURRENT"}`
  const canonical = interpolated(literals('canonical'), variables) + hash(body)
  let key: Buffer = Buffer.from(`AWS4${secretAccessKey.reveal()}`)
  for (const part of (variables['scope'] ?? '').split('/')) key = createHmac('sha256', key).update(part).digest()
  const toSign = `AWS4-HMAC-SHA256\n${now}\n${variables['scope']}\n${hash(canonical)}`
  assert.ok(SCRIPT.includes('"AWS4-HMAC-SHA256`n$now`n$scope`n" + (Get-Digest $canonical)'))
  variables['signature'] = createHmac('sha256', key).update(toSign).digest('hex')
  const [, authorization = ''] = /'Authorization' = "(.*)"$/m.exec(SCRIPT) ?? []
  const headers = {
    host: variables['hostName'] ?? '',
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-date': now,
    'x-amz-security-token': sessionToken.reveal(),
    'x-amz-target': 'secretsmanager.GetSecretValue',
    authorization: interpolated(authorization, variables),
  }
  const identity = {
    name: 'arn:aws:sts::111122223333:assumed-role/ecsInstanceRole/i-0123456789abcdef0',
    accessKeyId,
    secretAccessKey: secretAccessKey.reveal(),
    sessionToken: sessionToken.reveal(),
    actions: ['secretsmanager:GetSecretValue'],
  }
  authenticate(
    { method: 'POST', url: '/', headers, body: Buffer.from(body) },
    { service: 'secretsmanager', region: 'eu-central-1', identities: [identity] },
  )
})

test('it ends with the exit codes and results that the core knows, each of them', () => {
  const ends = [...SCRIPT.matchAll(/Stop-Run '([a-z-]+)' (\d+)/g)].map(([, result, code]) => `${code} ${result}`)
  const known = NODE_RESULTS.map((result) => {
    const code = Object.entries(NODE_EXITS).find(([, exit]) => exit.result === result)?.[0]
    return `${code ?? 0} ${result}`
  })
  assert.deepEqual([...new Set(ends)].sort(), [...known].sort())
  assert.equal([...SCRIPT.matchAll(/^ *exit /gm)].length, 1)
})

test('whatever leaves the agent alone is decided before the first thing is changed', () => {
  const firstChange = SCRIPT.search(/^ *(?:\[IO\.File\]::WriteAllText\(\$goodFile|Set-Current \$wanted)/m)
  assert.ok(firstChange > 0)
  const late = [...SCRIPT.matchAll(/Stop-Run '(unsupported|refused|fetch-failed|busy)'/g)].filter(
    ({ index }) => index > firstChange,
  )
  assert.deepEqual(
    late.map(([end]) => end),
    [],
  )
  const guard = SCRIPT.indexOf("'cluster-changed'")
  assert.ok(guard > SCRIPT.indexOf('function Get-Current') && guard < firstChange)
})

test('it checks parameters by the patterns of the API, and a pasted one is a word in single quotes', () => {
  for (const name of ['secretArn', 'jitterSeconds'])
    assert.ok(SCRIPT.includes(`$given.${name} -cnotmatch '${DOCUMENT.parameters[name]?.allowedPattern}'`), name)
  for (const [whole, before, after] of SCRIPT.matchAll(/(.)\{\{\w+\}\}(.)/g))
    assert.deepEqual([before, after], ["'", "'"], whole)
})

test('no value is in what it prints, and none is in an argument of a program', () => {
  const printed = [...SCRIPT.matchAll(/\[Console\]::\w+\.WriteLine\("(.*)"\)/g)].map(([, text = '']) => text).join()
  const names = [...printed.matchAll(/\$(\w+)/g)].map(([, name]) => name)
  assert.deepEqual([...new Set(names)].sort(), ['agent', 'reason', 'result', 'seconds', 'tail', 'version'])
  assert.doesNotMatch(SCRIPT, /Write-(Host|Output|Verbose)|Start-Process|Invoke-Expression|\biex\b/)
})
