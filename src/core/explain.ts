/** Which credential an image would get on a container instance, and why. */

import { type AuthData, parseAuthData, resolve } from './auth-data.ts'
import { DATA_KEY, readVariables, TYPE_KEY } from './ecs-config.ts'
import { isFault, readJson } from './go-json.ts'
import { agentHost, isPrivateEcr, parseImage } from './image.ts'
import { stringOf } from './key-value.ts'
import { shownUsername } from './secret.ts'

export interface Explanation {
  readonly image: string
  /** The registry key as it is spelled; null: none, or a random one. */
  readonly key: string | null
  readonly username: string | null
  readonly ambiguous: boolean
  readonly candidates: readonly string[]
  readonly reason: string
}

const ELSEWHERE =
  'A task definition with repositoryCredentials uses those instead, without falling back to this config.'

/**
 * Explains each image against a config in any form, a docker config.json included. Never throws: what the agent cannot
 * read is the reason why an image gets nothing.
 */
export function explainImages(text: string, images: readonly string[]): readonly Explanation[] {
  const auth = readAuth(text)
  return images.map((image) => {
    const host = agentHost(image)
    if (isPrivateEcr(host)) {
      const reason =
        'A private ECR registry: the agent pulls with the role of the instance or task and never looks here.'
      return { image, key: null, username: null, ambiguous: false, candidates: [], reason }
    }
    const { key, credential, ambiguous, candidates, reason } = resolve(auth, image)
    const refused = parseImage(image) === null ? ' But Docker takes no image of this name.' : ''
    return {
      image,
      key,
      username: credential === null ? null : shownUsername(credential.username, credential.password),
      ambiguous,
      candidates,
      reason: `${reason}${refused} ${ELSEWHERE}`,
    }
  })
}

/** The registry auth in a config of any form, a docker config.json included. Never throws. */
export function readAuth(text: string): AuthData {
  const { type, data } = authIn(text)
  return parseAuthData(type, data)
}

function authIn(text: string): { type: string; data: string } {
  const read = readJson(text, 2)
  if (isFault(read)) {
    const variables = readVariables(text)
    return { type: variables.get(TYPE_KEY) ?? '', data: variables.get(DATA_KEY) ?? '' }
  }
  const auths = read.members.findLast(({ name, kind }) => name === 'auths' && kind === 'object')
  if (auths !== undefined) return { type: 'dockercfg', data: text.slice(auths.valueStart, auths.end) }
  return { type: stringOf(text, read.members, TYPE_KEY) ?? '', data: stringOf(text, read.members, DATA_KEY) ?? '' }
}
