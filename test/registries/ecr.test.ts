/** Providers `ecr` and `ecr-public`: fields, lives, keys, and what AWS's refusals mean. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import { ecr } from '../../src/registries/ecr.ts'
import { ecrPublic } from '../../src/registries/ecr-public.ts'
import { type AwsRole, type AwsRoleOptions, startAwsRole } from '../doubles/aws-role.ts'
import type { Fault } from '../doubles/faults.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { createTokenStore } from '../doubles/tokens.ts'
import { NOW, type RecordedContext, recordedContext, shownBy } from './context.ts'

const REQUEST = { label: 'ecs-pull-auth/agent/1', ttl: null, inUse: [] }
const TWELVE_HOURS = 12 * 60 * 60 * 1000
const SECRET_KEY = marked('key')
const USER_ID = 'AKIACHINACHINACHINA1'
const USER = { name: 'user/pull', accessKeyId: USER_ID, secretAccessKey: SECRET_KEY, actions: ['ecr:*'] }

async function withRole(
  options: Partial<AwsRoleOptions>,
  run: (context: RecordedContext, role: AwsRole) => Promise<void>,
  secrets: Readonly<Record<string, string>> = {},
): Promise<void> {
  const role = await startAwsRole({ now: () => NOW, ...options })
  const context = { ...recordedContext(secrets), signAws: role.signAws }
  try {
    await run(context, role)
    assertNoMarks(context.told.join('\n'), 'the journal')
  } finally {
    await role.close()
  }
}

async function rejectsWith(code: ErrorCode, promise: Promise<unknown>, message: RegExp, hint = /./): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof PullAuthError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assert.match(error.hint, hint)
    assertNoMarks(shownBy(error), 'the error')
    return true
  })
}

test('a password of ECR lives twelve hours, is masked, and has nothing to revoke', async () => {
  const tokens = createTokenStore(() => NOW)
  await withRole({ tokens }, async (context) => {
    for (const [provider, config] of [
      [ecr, { region: 'eu-west-1', root: null }],
      [ecrPublic, {}],
    ] as const) {
      const { password, ...rest } = await provider.mint(context, config as never, REQUEST)
      assert.deepEqual(rest, { username: 'AWS', issuedAt: NOW, expiresAt: NOW + TWELVE_HOURS, handle: null })
      assert.notEqual(tokens.login('AWS', password.reveal()), null)
      assert.ok(context.masked.some((secret) => secret.equals(password)))
    }
  })
})

const REGIONS: readonly (readonly [string, Readonly<Record<string, unknown>>, string])[] = [
  ['123456789012.dkr.ecr.eu-west-1.amazonaws.com', {}, 'eu-west-1'],
  ['https://123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/v2/', {}, 'us-gov-west-1'],
  ['123456789012.dkr.ecr-fips.us-east-1.amazonaws.com', {}, 'us-east-1'],
  ['123456789012.dkr-ecr.eu-central-1.on.aws', {}, 'eu-central-1'],
  ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', {}, 'cn-north-1'],
  ['123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu', {}, 'eusc-de-east-1'],
  ['123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov', {}, 'us-isob-east-1'],
  ['123456789012.dkr.ecr.eu-west-1.amazonaws.com', { region: 'us-west-2' }, 'us-west-2'],
  ['images.acme.test', { region: 'ap-southeast-2' }, 'ap-southeast-2'],
]
for (const [key, fields, region] of REGIONS) {
  test(`the Region of ${key} ${fields['region'] === undefined ? '' : 'with a region of its own '}is ${region}`, () => {
    assert.deepEqual(ecr.parse(fields, key), { region, root: null })
  })
}

const BAD: readonly (readonly [string, Readonly<Record<string, unknown>>, string])[] = [
  ['images.acme.test', {}, 'is missing, and the registry key names none'],
  ['123456789012.dkr.ecr.eu-west-1.evil.test', {}, 'is missing, and the registry key names none'],
  ['images.acme.test', { region: 'evil.test/eu-west-1' }, 'is not the name of an AWS Region'],
  ['images.acme.test', { region: 'eu-west' }, 'is not the name of an AWS Region'],
]
for (const [key, fields, problem] of BAD) {
  test(`${key} with ${JSON.stringify(fields)} is refused: region ${problem}`, () => {
    assert.deepEqual(ecr.parse(fields, key), [{ field: 'region', problem }])
  })
}

const CONFIG = { region: 'eu-west-1', root: null }

test('what AWS refuses has its code and says what to do', () =>
  withRole({}, async (context, role) => {
    const refused: readonly (readonly [string, ErrorCode, RegExp])[] = [
      ['AccessDeniedException', 'MINT_NOT_PERMITTED', /Allow ecr:GetAuthorizationToken/],
      ['com.amazonaws.ecr#AccessDeniedException', 'MINT_NOT_PERMITTED', /Allow ecr:GetAuthorizationToken/],
      ['UnrecognizedClientException', 'MINT_REJECTED', /partition/],
      ['ExpiredTokenException', 'MINT_REJECTED', /clock/],
      ['InvalidSignatureException', 'MINT_REJECTED', /clock/],
      ['ThrottlingException', 'MINT_RATE_LIMITED', /in a minute/],
      ['InvalidParameterException', 'MINT_UNAVAILABLE', /Region in the plan/],
      [marked('type'), 'MINT_UNAVAILABLE', /Region in the plan/],
    ]
    for (const [type, code, hint] of refused) {
      const body = JSON.stringify({ __type: type, message: marked('message') })
      role.fault = () => ({ when: 'before', fault: { kind: 'answer', status: 400, body } })
      const name = type.includes('Exception') && code !== 'MINT_UNAVAILABLE' ? ` \\(${type.replace(/^.*#/, '')}\\)` : ''
      const message = new RegExp(`^Amazon ECR 127\\.0\\.0\\.1:\\d+: it answered 400${name}\\.$`)
      await rejectsWith(code, ecr.mint(context, CONFIG, REQUEST), message, hint)
    }
  }))

test('a role that lacks an action is told which, for ECR Public both', async () => {
  await withRole({ actions: ['sts:GetCallerIdentity'] }, (context) =>
    rejectsWith('MINT_NOT_PERMITTED', ecr.mint(context, CONFIG, REQUEST), /AccessDenied/, /ecr:GetAuthorizationToken/),
  )
  await withRole({ actions: ['ecr-public:GetAuthorizationToken'] }, (context) =>
    rejectsWith('MINT_NOT_PERMITTED', ecrPublic.mint(context, {}, REQUEST), /ECR Public/, /sts:GetServiceBearerToken/),
  )
})

test('our role is unknown in another partition, where a stored key signs instead', async () => {
  const root = JSON.stringify({ accessKeyId: USER_ID, secretAccessKey: SECRET_KEY })
  const china = { region: 'cn-north-1', root: null }
  await withRole({}, (context) => rejectsWith('MINT_REJECTED', ecr.mint(context, china, REQUEST), /UnrecognizedClient/))
  const tokens = createTokenStore(() => NOW)
  await withRole(
    { tokens, regions: ['cn-north-1'], others: [USER] },
    async (context) => {
      const { username, password } = await ecr.mint(context, { ...china, root: 'root' }, REQUEST)
      assert.notEqual(tokens.login(username, password.reveal()), null)
      assert.ok(context.masked.some((secret) => secret.reveal() === SECRET_KEY))
    },
    { root },
  )
})

const KEYS: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['a bare key', SECRET_KEY],
  ['no id', JSON.stringify({ secretAccessKey: SECRET_KEY })],
  ['no key', JSON.stringify({ accessKeyId: USER_ID })],
  ['an id that is none', JSON.stringify({ accessKeyId: 'a/b', secretAccessKey: SECRET_KEY })],
  ['a line break in the key', JSON.stringify({ accessKeyId: USER_ID, secretAccessKey: `${SECRET_KEY}\n` })],
]
for (const [what, text] of KEYS) {
  test(`a root with ${what} is CREDENTIAL_INVALID, and nobody is asked`, () =>
    withRole(
      {},
      async (context, role) => {
        const mint = ecr.mint(context, { region: 'cn-north-1', root: 'root' }, REQUEST)
        await rejectsWith('CREDENTIAL_INVALID', mint, /^Secret root holds no AWS access key/, /accessKeyId/)
        assert.deepEqual(role.requests, [])
      },
      { root: text },
    ))
}

const ODD: readonly (readonly [string, unknown])[] = [
  ['no data', {}],
  ['an empty list', { authorizationData: [] }],
  ['a token that is no text', { authorizationData: [{ authorizationToken: 1, expiresAt: 1 }] }],
  ['a token without a user', { authorizationData: [{ authorizationToken: 'QVdT', expiresAt: 1 }] }],
  ['a token with a line break', { authorizationData: [{ authorizationToken: btoa('AWS:a\nb'), expiresAt: 1 }] }],
  ['no expiry', { authorizationData: [{ authorizationToken: btoa('AWS:secret') }] }],
]
for (const [what, answer] of ODD) {
  test(`an answer with ${what} is MINT_UNAVAILABLE`, () =>
    withRole({}, async (context, role) => {
      const fault: Fault = { kind: 'answer', status: 200, body: JSON.stringify(answer) }
      role.fault = () => ({ when: 'before', fault })
      await rejectsWith('MINT_UNAVAILABLE', ecr.mint(context, CONFIG, REQUEST), /its answer has no/)
    }))
}
