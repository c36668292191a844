/** Where calls go, held against the SDK's own clients: every Region, FIPS and dual-stack, and what users configure. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { ListCommandsCommand, SSMClient } from '@aws-sdk/client-ssm'
import { createClients } from '../../src/aws/clients.ts'
import { createEndpoints, type ServiceName } from '../../src/aws/endpoints.ts'
import { createSecretStore } from '../../src/aws/secret-store.ts'
import { isCode } from '../../src/core/errors.ts'
import { start } from './credential-fixture.ts'

const SERVICES: readonly ServiceName[] = ['secretsmanager', 'ssm']
const KEYS = { AWS_ACCESS_KEY_ID: 'AKIAENV', AWS_SECRET_ACCESS_KEY: 'secret' }

/** Regions of the SDK's table of partitions, which no package exports; global ones have no endpoint of these services. */
function regions(): readonly string[] {
  const core = dirname(createRequire(import.meta.url).resolve('@aws-sdk/core/package.json'))
  const file = 'dist-es/submodules/client/util-endpoints/lib/aws/partitions.js'
  const named = readFileSync(join(core, file), 'utf8').matchAll(/"([a-z]{2,4}(?:-[a-z]+)+-\d+)": \{/g)
  return [...named].map((match) => match[1] ?? '')
}

test('each Region has the endpoints that the services’ own rules give, FIPS and dual-stack too', async (context) => {
  const place = await start(context)
  const known = regions()
  assert.ok(known.length > 40, String(known.length))
  const providers = {
    secretsmanager: new SecretsManagerClient({ region: 'x' }).config.endpointProvider,
    ssm: new SSMClient({ region: 'x' }).config.endpointProvider,
  }
  let compared = 0
  for (const Region of [...known, 'us-new-9', 'mx-north-7']) {
    for (const [UseFIPS, UseDualStack] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      place.env({
        AWS_USE_FIPS_ENDPOINT: String(UseFIPS),
        AWS_USE_DUALSTACK_ENDPOINT: String(UseDualStack),
        AWS_ENDPOINT_URL: '',
      })
      for (const service of SERVICES) {
        const expected = orNull(() => providers[service]({ Region, UseFIPS, UseDualStack }).url.href)
        // The SDK knows partitions without such endpoints.
        if (expected === null) continue
        const actual = await createEndpoints({ region: Region }).of(service)
        assert.equal(actual.href, expected, `${service} ${Region} fips ${UseFIPS} dual ${UseDualStack}`)
        compared += 1
      }
    }
  }
  assert.ok(compared > 300, String(compared))
})

function orNull<T>(make: () => T): T | null {
  try {
    return make()
  } catch {
    return null
  }
}

interface Configured {
  readonly what: string
  readonly env?: Readonly<Record<string, string>>
  readonly config?: string
  readonly expected: Readonly<Record<ServiceName, string>>
}

const alike = (url: string) => ({ secretsmanager: url, ssm: url })
const REGIONAL = {
  secretsmanager: 'https://secretsmanager.eu-west-1.amazonaws.com/',
  ssm: 'https://ssm.eu-west-1.amazonaws.com/',
}
const PROFILE = `[default]
endpoint_url = https://profile.test
services = mine
[services mine]
secrets_manager =
  endpoint_url = https://secrets.test
`
const CONFIGURED: readonly Configured[] = [
  { what: 'nothing', expected: REGIONAL },
  {
    what: 'one for all',
    env: { AWS_ENDPOINT_URL: 'http://localhost:4566' },
    expected: alike('http://localhost:4566/'),
  },
  {
    what: 'one with a path',
    env: { AWS_ENDPOINT_URL: 'https://gate.test/aws' },
    expected: alike('https://gate.test/aws/'),
  },
  {
    what: 'one for each',
    env: {
      AWS_ENDPOINT_URL: 'https://all.test',
      AWS_ENDPOINT_URL_SECRETS_MANAGER: 'https://vpce-1.secretsmanager.eu-west-1.vpce.amazonaws.com',
      AWS_ENDPOINT_URL_SSM: 'https://vpce-2.ssm.eu-west-1.vpce.amazonaws.com',
    },
    expected: {
      secretsmanager: 'https://vpce-1.secretsmanager.eu-west-1.vpce.amazonaws.com/',
      ssm: 'https://vpce-2.ssm.eu-west-1.vpce.amazonaws.com/',
    },
  },
  {
    what: 'an empty one',
    env: { AWS_ENDPOINT_URL: 'https://all.test', AWS_ENDPOINT_URL_SSM: '' },
    expected: alike('https://all.test/'),
  },
  {
    what: 'those of a profile and of its services',
    config: PROFILE,
    expected: { secretsmanager: 'https://secrets.test/', ssm: 'https://profile.test/' },
  },
  {
    what: 'a variable, which goes before the profile',
    env: { AWS_ENDPOINT_URL_SSM: 'https://variable.test' },
    config: PROFILE,
    expected: { secretsmanager: 'https://secrets.test/', ssm: 'https://variable.test/' },
  },
  { what: 'services that are not there', config: '[default]\nservices = gone\n', expected: REGIONAL },
  {
    what: 'all of them, to be ignored',
    env: { AWS_ENDPOINT_URL: 'https://all.test', AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' },
    config: PROFILE,
    expected: REGIONAL,
  },
  {
    what: 'all of them, to be ignored by the profile',
    env: { AWS_ENDPOINT_URL: 'https://all.test' },
    config: `[default]\nignore_configured_endpoint_urls = true\n`,
    expected: REGIONAL,
  },
  {
    what: 'FIPS by the profile',
    config: '[default]\nuse_fips_endpoint = true\n',
    expected: {
      secretsmanager: 'https://secretsmanager-fips.eu-west-1.amazonaws.com/',
      ssm: 'https://ssm-fips.eu-west-1.amazonaws.com/',
    },
  },
  {
    what: 'dual-stack by the environment',
    env: { AWS_USE_DUALSTACK_ENDPOINT: 'true' },
    expected: { ...REGIONAL, ssm: 'https://ssm.eu-west-1.api.aws/' },
  },
  {
    what: 'FIPS by the name of the Region',
    env: { AWS_REGION: 'fips-us-east-1' },
    expected: {
      secretsmanager: 'https://secretsmanager-fips.us-east-1.amazonaws.com/',
      ssm: 'https://ssm-fips.us-east-1.amazonaws.com/',
    },
  },
]

describe('the SDK and we go to the same place with', () => {
  for (const { what, env = {}, config, expected } of CONFIGURED) {
    test(what, async (context) => {
      const place = await start(context)
      if (config !== undefined) place.config(config)
      place.env({ ...KEYS, AWS_ENDPOINT_URL: '', ...env })
      for (const service of SERVICES) {
        assert.equal((await createEndpoints({}).of(service)).href, expected[service], service)
        assert.equal(await sdkGoesTo(service), expected[service], `the SDK, ${service}`)
      }
    })
  }
})

async function sdkGoesTo(service: ServiceName): Promise<string> {
  let gone = ''
  const requestHandler = {
    handle: async ({
      protocol,
      hostname,
      port,
      path,
    }: {
      protocol: string
      hostname: string
      port?: number
      path: string
    }) => {
      gone = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`
      throw new Error('far enough')
    },
  }
  const config = { maxAttempts: 1, requestHandler: requestHandler as never }
  const asked =
    service === 'ssm'
      ? new SSMClient(config).send(new ListCommandsCommand({}))
      : new SecretsManagerClient(config).send(new DescribeSecretCommand({ SecretId: 's' }))
  await assert.rejects(asked, /far enough/)
  return gone
}

const REGIONS: readonly {
  what: string
  env?: Record<string, string>
  config?: string
  given?: string
  expected: string
}[] = [
  { what: 'the one that is given, before the environment', given: 'us-west-2', expected: 'us-west-2' },
  {
    what: 'that of the environment, before the profile',
    config: '[default]\nregion = us-west-2\n',
    expected: 'eu-west-1',
  },
  {
    what: 'that of the profile',
    env: { AWS_REGION: '' },
    config: '[default]\nregion = us-west-2\n',
    expected: 'us-west-2',
  },
  {
    what: 'that of the profile which is named',
    env: { AWS_REGION: '', AWS_PROFILE: 'work' },
    config: '[default]\nregion = us-west-2\n[profile work]\nregion = eu-central-1\n',
    expected: 'eu-central-1',
  },
  { what: 'the real one of a FIPS name', env: { AWS_REGION: 'us-east-1-fips' }, expected: 'us-east-1' },
]

describe('the Region is', () => {
  for (const { what, env = {}, config, given, expected } of REGIONS) {
    test(what, async (context) => {
      const place = await start(context)
      if (config !== undefined) place.config(config)
      place.env({ ...KEYS, ...env })
      const chosen = given === undefined ? {} : { region: given }
      assert.equal(await createEndpoints(chosen).region(), expected)
      assert.equal(await new SSMClient(chosen).config.region(), expected)
    })
  }
})

describe('what cannot be a place is refused before anything is sent', () => {
  const wrong: readonly (readonly [
    what: string,
    env: Readonly<Record<string, string>>,
    code: 'USAGE' | 'AWS_CREDENTIALS',
  ])[] = [
    ['an endpoint that is no URL', { AWS_ENDPOINT_URL: 'localhost' }, 'USAGE'],
    ['an endpoint of another protocol', { AWS_ENDPOINT_URL: 'ftp://host' }, 'USAGE'],
    ['an endpoint beside FIPS', { AWS_USE_FIPS_ENDPOINT: 'true' }, 'USAGE'],
    ['an endpoint beside dual-stack', { AWS_USE_DUALSTACK_ENDPOINT: 'true' }, 'USAGE'],
    ['a Region that is a host', { AWS_REGION: 'evil.test/#' }, 'AWS_CREDENTIALS'],
  ]
  for (const [what, env, code] of wrong) {
    test(what, async (context) => {
      const place = await start(context)
      place.env({ ...KEYS, ...env })
      const store = createSecretStore(createClients({ userAgent: [] }).secrets)
      await assert.rejects(store.describe('s'), (error) => isCode(error, code), what)
      assert.deepEqual(place.calls, [])
    })
  }
})
