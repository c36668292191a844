/** A first plan, from what somebody has already: registry keys of a config, and images. Pure; holds no credential. */

import { resolve } from './auth-data.ts'
import { PullAuthError } from './errors.ts'
import { readAuth } from './explain.ts'
import { agentHost, isHubHost, isPrivateEcr, parseImage } from './image.ts'
import { HUB_KEY, registryHost, shownKey, twinId } from './registry-key.ts'

export interface Wishes {
  readonly secret: string
  /** Text of an existing config, in any form; null = there is none. */
  readonly config: string | null
  /** One for each registry, at most. */
  readonly images: readonly string[]
  /** Value of the tag ecs-pull-auth on the container instances. */
  readonly tag: string
  /** null = nobody compares. */
  readonly cluster: string | null
}

export interface FirstPlan {
  readonly text: string
  readonly registries: readonly FirstRegistry[]
  /** Keys of the config that no image was named for: they stay as they are. */
  readonly left: readonly string[]
}

export interface FirstRegistry {
  readonly key: string
  readonly probe: string
  /** Name of the secret for the credential that is there already. */
  readonly credential: string
  /** A provider that could mint for it, where its host tells. */
  readonly better: string | null
}

/** The hosts that tell which provider could mint, so that nobody has to keep a credential. */
const MINTERS: readonly (readonly [hosts: RegExp, provider: string])[] = [
  [/^registry\.gitlab\.com$/, 'gitlab'],
  [/\.jfrog\.io$/, 'jfrog'],
  [/^quay\.io$/, 'quay'],
  [/\.azurecr\.(?:io|cn|us)$/, 'acr'],
  [/(?:^|[.-])(?:docker\.pkg\.dev|gcr\.io)$/, 'gar'],
  [/^registry\.digitalocean\.com$/, 'digitalocean'],
  [/^rg\.[a-z-]+\.scw\.cloud$/, 'scaleway'],
  [/^docker\.cloudsmith\.io$/, 'cloudsmith'],
  [/^public\.ecr\.aws$/, 'ecr-public'],
]

/** Registry keys of a config that a plan could manage: private ECR is the agent's own business. */
export function manageableKeys(config: string): readonly string[] {
  const keys = readAuth(config).entries.map(({ key }) => key)
  const first = keys.filter((key, at) => keys.findIndex((other) => twinId(other) === twinId(key)) === at)
  return first.filter((key) => !isPrivateEcr(registryHost(key)))
}

/** Throws USAGE when an image is none, or two are of one registry. */
export function firstPlan({ secret, config, images, tag, cluster }: Wishes): FirstPlan {
  const registries = images.map((image) => registryOf(image, config, secret))
  const keys = registries.map(({ key }) => twinId(key))
  const twice = registries.find(({ key }, at) => keys.indexOf(twinId(key)) !== at)
  if (twice !== undefined) throw usage(`Two images are of ${shownKey(twice.key)}.`, 'Name one image for each registry.')
  const left = config === null ? [] : manageableKeys(config).filter((key) => !keys.includes(twinId(key)))
  const fleet = [
    `  targets: { "tag:ecs-pull-auth": [${quoted(tag)}] }`,
    ...(cluster === null ? [] : [`  cluster: ${quoted(cluster)}`]),
  ]
  const text = [
    '# What ecs-pull-auth rotates and reloads. It names secrets and holds none.',
    'version: 1',
    `secret: ${quoted(secret)} # the stored config`,
    'registries:',
    ...registries.map(registryText),
    'fleet:',
    ...fleet,
    '',
  ].join('\n')
  return { text, registries, left }
}

function registryText({ key, probe, credential, better }: FirstRegistry): string {
  return [
    ...(better === null
      ? []
      : [`  # Provider ${better} could mint this one: ecs-pull-auth providers says what it needs.`]),
    `  ${quoted(key)}:`,
    `    provider: ${registryHost(key) === 'ghcr.io' ? 'ghcr' : 'static'}`,
    `    credential: ${quoted(credential)} # secret with {"username","password"}`,
    `    probe: ${quoted(probe)} # an image that the credential must be able to pull`,
  ].join('\n')
}

/** As people write it where that cannot mean anything else; every JSON string is YAML too. */
function quoted(text: string): string {
  const isPlain =
    /^[A-Za-z][\w./-]*(?::[\w./-]+)*$/.test(text) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(text)
  return isPlain ? text : JSON.stringify(text)
}

function registryOf(probe: string, config: string | null, secret: string): FirstRegistry {
  const host = agentHost(probe)
  if (parseImage(probe) === null)
    throw usage(`${shownKey(probe)} is not an image.`, 'For example ghcr.io/acme/app:stable')
  if (isPrivateEcr(host))
    throw usage(`${probe} is of a private ECR registry.`, 'The ECS agent logs in there by itself; leave it out.')
  const used = config === null ? null : resolve(readAuth(config), probe).key
  const key = used ?? (isHubHost(host) ? HUB_KEY : host)
  const plain = isHubHost(host) ? 'docker.io' : host.replaceAll(/[^A-Za-z0-9.-]/g, '-')
  const [, folder = 'ecs-pull-auth'] = /^(?:arn:[^/]*:secret:)?([^/:]+)\//.exec(secret) ?? []
  const better = MINTERS.find(([hosts]) => hosts.test(host))?.[1] ?? null
  return { key, probe, credential: `${folder}/${plain}/pull`, better }
}

function usage(message: string, hint: string): PullAuthError {
  return new PullAuthError('USAGE', message, hint)
}
