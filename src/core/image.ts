/** Image names: as Docker resolves them for a pull, and as the ECS agent takes them apart to choose a credential. */

/** What will be asked of a registry. */
export interface ImageReference {
  /** `docker.io` for Docker Hub. */
  readonly host: string
  /** With `library/` for Docker's official images. */
  readonly repository: string
  /** A tag or `sha256:…`; a digest wins over a tag, and `latest` is what is asked for when there is neither. */
  readonly reference: string
}

// The grammar of github.com/distribution/reference, in pieces that cannot backtrack into each other.
const HOST =
  /^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/
const COMPONENT = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/
const TAG = /^\w[\w.-]{0,127}$/
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/
const MAX_NAME = 255
/** Longer than any valid reference: name, tag and a SHA-512 digest. */
const MAX_REFERENCE = 1024

/** Parses an image as the registry will see it; null when Docker would refuse it. */
export function parseImage(image: string): ImageReference | null {
  if (image.length > MAX_REFERENCE) return null
  const [named = '', digest, ...more] = image.split('@')
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest))) return null
  const colon = named.lastIndexOf(':')
  const tagged = colon > named.lastIndexOf('/')
  const name = tagged ? named.slice(0, colon) : named
  const tag = tagged ? named.slice(colon + 1) : undefined
  if (tag !== undefined && !TAG.test(tag)) return null
  const { host, repository } = splitName(name)
  if (!HOST.test(host) || !repository.split('/').every((part) => COMPONENT.test(part))) return null
  if (host.length + 1 + repository.length > MAX_NAME || /^[0-9a-f]{64}$/.test(name)) return null
  return { host, repository, reference: digest ?? tag ?? 'latest' }
}

function splitName(name: string): { host: string; repository: string } {
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const isHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase()
  const host = isHost && first !== 'index.docker.io' ? first : 'docker.io'
  const repository = isHost ? name.slice(slash + 1) : name
  return { host, repository: host === 'docker.io' && !repository.includes('/') ? `library/${repository}` : repository }
}

/** Whether images can name a host as Docker and the agent take it: with a dot or a port, or `localhost`. */
export function isRegistryHost(host: string): boolean {
  return HOST.test(host) && (/[.:]/.test(host) || host === 'localhost')
}

/** Whether the ECS agent takes a host for Docker Hub (dockerauth.go, dockerRegistryHosts). */
export function isHubHost(host: string): boolean {
  return host === 'docker.io' || host === 'index.docker.io' || host === 'registry-1.docker.io'
}

/**
 * The host by which the ECS agent looks for a credential (dockerauth.go, splitReposName; repotag.go): the tag is cut at
 * the last colon that no slash follows, then the part before the first slash counts if it looks like a host.
 */
export function agentHost(image: string): string {
  const colon = image.lastIndexOf(':')
  const repository = colon >= 0 && !image.includes('/', colon) ? image.slice(0, colon) : image
  const slash = repository.indexOf('/')
  if (slash < 0) return 'docker.io'
  const first = repository.slice(0, slash)
  return first.includes('.') || first.includes(':') || first === 'localhost' ? first : 'docker.io'
}

/** A private registry of Amazon ECR, whose images the ECS agent always pulls with the instance's or task's role. */
export function isPrivateEcr(host: string): boolean {
  return (
    host.includes('ecr') &&
    /^[0-9]{12}\.dkr[.-]ecr(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.(?:com(?:\.cn)?|eu)|on\.aws)$/.test(host)
  )
}
