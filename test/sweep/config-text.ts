/** An ecs.config as a stranger to the product reads it: the credentials in it, and everything else in it. */

import { Buffer } from 'node:buffer'

export interface Login {
  readonly username: string
  readonly password: string
}

interface Parts {
  /** By registry key. */
  readonly logins: ReadonlyMap<string, Login>
  /** Every line but the auth lines and the state line, as it is. */
  readonly lines: readonly string[]
  readonly auth: Readonly<Record<string, unknown>>
}

const DATA = 'ECS_ENGINE_AUTH_DATA='
const OURS = /^(?:ECS_ENGINE_AUTH_(?:DATA|TYPE)=|# ecs-pull-auth:v1:)/

/** The same texts come back in thousands of schedules. */
const known = new Map<string, Parts>()

function partsOf(text: string): Parts {
  const cached = known.get(text)
  if (cached !== undefined) return cached
  if (known.size > 20_000) known.clear()
  const lines = text.split('\n')
  const data = lines.findLast((line) => line.startsWith(DATA))?.slice(DATA.length) ?? '{}'
  const auth = JSON.parse(data) as Record<string, { auth?: string }>
  const logins = Object.entries(auth).map(([key, entry]): [string, Login] => {
    const [username = '', ...rest] = Buffer.from(entry.auth ?? '', 'base64')
      .toString('utf8')
      .split(':')
    return [key, { username, password: rest.join(':') }]
  })
  const parts = { logins: new Map(logins), lines: lines.filter((line) => !OURS.test(line)), auth }
  known.set(text, parts)
  return parts
}

export function loginsIn(text: string): ReadonlyMap<string, Login> {
  return partsOf(text).logins
}

/** What a rotation of these registry keys must not touch. */
export function unmanagedOf(text: string, managed: readonly string[]): string {
  const { lines, auth } = partsOf(text)
  const others = Object.entries(auth).filter(([key]) => !managed.includes(key))
  return JSON.stringify([lines, others])
}

/** The text with the two auth lines of another one: what the node script's merge does. */
export function withAuthOf(own: string, stored: string): string {
  const auth = stored.split('\n').filter((line) => /^ECS_ENGINE_AUTH_(?:DATA|TYPE)=/.test(line))
  const rest = own.split('\n').filter((line) => !/^ECS_ENGINE_AUTH_(?:DATA|TYPE)=/.test(line) && line !== '')
  return `${[...rest, ...auth].join('\n')}\n`
}

/** Ids of the tokens that the state line remembers as superseded. */
export function supersededIn(text: string): readonly number[] {
  const state = /^# ecs-pull-auth:v1:(.*)$/m.exec(text)?.[1]
  if (state === undefined) return []
  const { superseded } = JSON.parse(Buffer.from(state, 'base64url').toString('utf8'))
  return superseded.flatMap(({ handle }: { handle: { id: number } | null }) => handle?.id ?? [])
}
