/** Where calls go, held against the SDK's own clients: every Region, FIPS and dual-stack, and what users configure. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { DescribeRegistryCommand, ECRClient } from '@aws-sdk/client-ecr'
import { ECRPUBLICClient } from '@aws-sdk/client-ecr-public'
import { ECSClient } from '@aws-sdk/client-ecs'
import { IAMClient } from '@aws-sdk/client-iam'
import { S3Client } from '@aws-sdk/client-s3'
import { DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { ListCommandsCommand, SSMClient } from '@aws-sdk/client-ssm'
import { STSClient } from '@aws-sdk/client-sts'
import { createClients } from '../../src/aws/clients.ts'
import { createEndpoints } from '../../src/aws/endpoints.ts'
import { partitionOf } from '../../src/aws/partitions.ts'
import type { ServiceName as AnyService } from '../../src/aws/regional-endpoint.ts'
import { createSecretStore } from '../../src/aws/secret-store.ts'
import { createAwsSigner } from '../../src/aws/sign.ts'
import { isCode } from '../../src/core/errors.ts'
import { start } from './credential-fixture.ts'

const SERVICES = ['secretsmanager', 'ssm'] as const
type ServiceName = (typeof SERVICES)[number]
const KEYS = { AWS_ACCESS_KEY_ID: 'AKIAENV', AWS_SECRET_ACCESS_KEY: 'secret' }

/** Regions of the SDK's table of partitions, which no package exports; global ones have no endpoint of these services. */
function regions(): readonly string[] {
  const core = dirname(createRequire(import.meta.url).resolve('@aws-sdk/core/package.json'))
  const file = 'dist-es/submodules/client/util-endpoints/lib/aws/partitions.js'
  const named = readFileSync(join(core, file), 'utf8').matchAll(/"([a-z]{2,4}(?:-[a-z]+)+-\d+)": \{/g)
  return [...named].map((match) => match[1] ?? '')
}

const VARIANTS = [
  { UseFIPS: false, UseDualStack: false },
  { UseFIPS: true, UseDualStack: false },
  { UseFIPS: false, UseDualStack: true },
  { UseFIPS: true, UseDualStack: true },
] as const
type Variant = (typeof VARIANTS)[number] & { readonly Region: string }

interface Rule {
  readonly url: URL
  readonly properties?: { readonly authSchemes?: readonly { readonly signingRegion?: string }[] }
}

const RULES: Readonly<Record<AnyService, (at: Variant) => Rule>> = {
  secretsmanager: new SecretsManagerClient({ region: 'x' }).config.endpointProvider,
  ssm: new SSMClient({ region: 'x' }).config.endpointProvider,
  ecr: new ECRClient({ region: 'x' }).config.endpointProvider,
  'ecr-public': new ECRPUBLICClient({ region: 'x' }).config.endpointProvider,
  ecs: new ECSClient({ region: 'x' }).config.endpointProvider,
  iam: new IAMClient({ region: 'x' }).config.endpointProvider,
  s3: new S3Client({ region: 'x' }).config.endpointProvider,
  sts: new STSClient({ region: 'x' }).config.endpointProvider,
}

/** IAM is asked by doctor alone: where its rules are of no pattern, we stay at its ordinary endpoint. */
function isLeft(service: AnyService, { Region, UseFIPS, UseDualStack }: Variant): boolean {
  return service === 'iam' && (UseFIPS || UseDualStack) && !['aws', 'aws-us-gov'].includes(partitionOf(Region).name)
}

test('each Region has the endpoints that the services’ own rules give, FIPS and dual-stack too', async (context) => {
  const place = await start(context)
  const known = regions()
  assert.ok(known.length > 40, String(known.length))
  let compared = 0
  for (const variant of VARIANTS) {
    place.env({
      AWS_USE_FIPS_ENDPOINT: String(variant.UseFIPS),
      AWS_USE_DUALSTACK_ENDPOINT: String(variant.UseDualStack),
      AWS_ENDPOINT_URL: '',
    })
    for (const Region of [...known, 'us-new-9', 'mx-north-7']) {
      const at = { Region, ...variant }
      for (const [service, rules] of Object.entries(RULES) as [AnyService, (typeof RULES)[AnyService]][]) {
        const rule = orNull(() => rules(at))
        // The SDK knows partitions without such endpoints.
        if (rule === null || isLeft(service, at)) continue
        const signedFor = service === 'iam' ? partitionOf(Region).iamRegion : Region
        const actual = await createEndpoints({}).in(signedFor, service)
        assert.equal(actual.href, rule.url.href, `${service} ${JSON.stringify(at)}`)
        assert.equal(signedFor, rule.properties?.authSchemes?.[0]?.signingRegion ?? Region)
        compared += 1
      }
    }
  }
  assert.ok(compared > 1_200, String(compared))
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
  const requestHandler = recorder()
  const config = { maxAttempts: 1, requestHandler }
  const asked =
    service === 'ssm'
      ? new SSMClient(config).send(new ListCommandsCommand({}))
      : new SecretsManagerClient(config).send(new DescribeSecretCommand({ SecretId: 's' }))
  await assert.rejects(asked, /far enough/)
  return requestHandler.gone()
}

interface Going {
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly path: string
}

/** Tells where a request of the SDK would have gone. */
function recorder() {
  let url = ''
  const handle = async ({ protocol, hostname, port, path }: Going) => {
    url = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`
    throw new Error('far enough')
  }
  return { handle, gone: () => url, updateHttpClientConfig: () => {}, httpHandlerConfigs: () => ({}) }
}

const SIGNED: readonly (Pick<Configured, 'what' | 'env' | 'config'> & { readonly ecr: string })[] = [
  { what: 'FIPS', env: { AWS_USE_FIPS_ENDPOINT: 'true' }, ecr: 'https://api.ecr-fips.eu-west-1.amazonaws.com/' },
  {
    what: 'FIPS and dual-stack by the profile',
    config: '[default]\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true\n',
    ecr: 'https://ecr-fips.eu-west-1.api.aws/',
  },
  {
    what: 'an endpoint of the profile for ECR',
    config: '[default]\nservices = mine\n[services mine]\necr =\n  endpoint_url = https://ecr.test\n',
    ecr: 'https://ecr.test/',
  },
  {
    what: 'a variable, which goes before the profile',
    env: { AWS_ENDPOINT_URL_ECR: 'https://variable.test' },
    config: '[default]\nendpoint_url = https://profile.test\n',
    ecr: 'https://variable.test/',
  },
]

describe('what is signed for a service without a client here goes to the same place as the SDK’s with', () => {
  for (const { what, env = {}, config, ecr } of SIGNED) {
    test(what, async (context) => {
      const place = await start(context)
      if (config !== undefined) place.config(config)
      place.env({ ...KEYS, AWS_ENDPOINT_URL: '', ...env })
      const sign = createAwsSigner(createClients({ userAgent: [] }).ssm, process.env)
      const signed = await sign({ service: 'ecr', region: null, method: 'POST', url: null })
      assert.equal(signed.url, ecr)
      const requestHandler = recorder()
      await assert.rejects(new ECRClient({ maxAttempts: 1, requestHandler }).send(new DescribeRegistryCommand({})))
      assert.equal(requestHandler.gone(), ecr, 'the SDK')
    })
  }
})

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
