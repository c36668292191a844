/** What a plan says for provider `http`: requests, and where their answers have what. */

import type { FieldProblem, FieldTable } from '../core/ports.ts'
import { type DeclaredRequest, holds, readRequest, requestFields } from './http-request.ts'
import { asObject } from './json.ts'
import { isPointer } from './json-pointer.ts'

export interface HttpConfig {
  /** The registry key: by it a handle finds its entry in today's plan. */
  readonly registry: string
  readonly rotation: (typeof CLASSES)[number]
  /** null: the answer has it. */
  readonly username: string | null
  readonly mint: DeclaredRequest
  readonly answer: AnswerPlaces
  readonly revoke: DeclaredRequest | null
  readonly list: DeclaredList | null
  /** The mint asks for a life. */
  readonly timed: boolean
}

/** JSON pointers; null = the answer does not have it. */
export interface AnswerPlaces {
  readonly username: string | null
  readonly password: string
  readonly expiresAt: string | null
  readonly expiresIn: string | null
  readonly id: string | null
}

export interface DeclaredList {
  readonly request: DeclaredRequest
  readonly items: string
  readonly id: string
  readonly label: string
  /** Where an answer has the cursor of the next page; null = it has none. */
  readonly next: string | null
}

const CLASSES = ['exchange', 'create-delete', 'destructive'] as const

export const HTTP_FIELDS: FieldTable = {
  class: {
    kind: 'choice',
    choices: CLASSES,
    required: true,
    description:
      'What a mint does to the old credential: exchange (nothing, it expires after ttl), create-delete (nothing, it is revoked by id), destructive (kills it: needs allowDowntime).',
  },
  username: { kind: 'string', description: 'User name, where the answer has none.' },
  mint: {
    kind: 'object',
    required: true,
    description: 'The request that makes a credential.',
    fields: requestFields(['POST', 'PUT', 'PATCH', 'GET']),
  },
  answer: {
    kind: 'object',
    required: true,
    description: 'Where the answer has what, as JSON pointers.',
    fields: {
      username: { kind: 'string', description: 'User name.', example: '/name' },
      password: { kind: 'string', required: true, description: 'Password or token.', example: '/token' },
      expiresAt: { kind: 'string', description: 'Its end: ISO 8601, or seconds since 1970.', example: '/expires_at' },
      expiresIn: { kind: 'string', description: 'Its life in seconds.', example: '/expires_in' },
      id: { kind: 'string', description: 'The id by which it is revoked.', example: '/id' },
    },
  },
  revoke: {
    kind: 'object',
    description: `The request that revokes a credential, with \${id}.`,
    fields: requestFields(['DELETE', 'POST', 'PUT', 'PATCH']),
  },
  list: {
    kind: 'object',
    description: `The request that lists living credentials: one whose answer was lost is found by it. With \${page} or \${cursor} in it, page by page; else all in one answer.`,
    fields: {
      ...requestFields(['GET', 'POST']),
      items: { kind: 'string', description: 'Pointer to the list. Default: the whole answer.', example: '/tokens' },
      id: { kind: 'string', required: true, description: 'Pointer to the id, within an item.', example: '/id' },
      label: {
        kind: 'string',
        required: true,
        description: `Pointer to where \${label} went, within an item.`,
        example: '/name',
      },
      next: {
        kind: 'string',
        description: `Pointer to what the next page wants as \${cursor}; the last answer has nothing there.`,
        example: '/next_token',
      },
    },
  },
}

export function readHttpPlan(
  fields: Readonly<Record<string, unknown>>,
  registry: string,
): HttpConfig | readonly FieldProblem[] {
  const problems: FieldProblem[] = []
  const hasLife = typeof fields['ttl'] === 'number'
  const mint = readRequest(
    fields['mint'],
    'mint',
    ['label', ...(hasLife ? (['ttl', 'expiresAt'] as const) : [])],
    problems,
  )
  const config: HttpConfig = {
    registry,
    rotation: CLASSES.find((name) => name === fields['class']) ?? 'exchange',
    username: typeof fields['username'] === 'string' ? fields['username'] : null,
    mint,
    answer: readAnswer(fields['answer'], problems),
    revoke: fields['revoke'] === undefined ? null : readRequest(fields['revoke'], 'revoke', ['id'], problems),
    list: fields['list'] === undefined ? null : readList(fields['list'], problems),
    timed: holds(mint, 'ttl') || holds(mint, 'expiresAt'),
  }
  const check = checker(problems)
  if (problems.length === 0) {
    checkAnswer(config, check)
    checkRequests(config, hasLife, check)
  }
  return problems.length > 0 ? problems : config
}

function readAnswer(value: unknown, problems: FieldProblem[]): AnswerPlaces {
  const raw = asObject(value)
  const place = (name: string) => readPointer(raw[name], `answer.${name}`, problems)
  return {
    username: place('username'),
    password: place('password') ?? '',
    expiresAt: place('expiresAt'),
    expiresIn: place('expiresIn'),
    id: place('id'),
  }
}

function readList(value: unknown, problems: FieldProblem[]): DeclaredList {
  const raw = asObject(value)
  const place = (name: string) => readPointer(raw[name], `list.${name}`, problems) ?? ''
  const places = { items: place('items'), id: place('id'), label: place('label') }
  const request = readRequest(raw, 'list', ['page', 'cursor'], problems)
  return { request, ...places, next: readPointer(raw['next'], 'list.next', problems) }
}

function readPointer(value: unknown, path: string, problems: FieldProblem[]): string | null {
  if (typeof value !== 'string') return null
  if (!isPointer(value)) problems.push({ field: path, problem: 'must be a JSON pointer like /token or /data/0/token' })
  return value
}

type Check = (fits: boolean, field: string, problem: string) => void

function checker(problems: FieldProblem[]): Check {
  return (fits, field, problem) => {
    if (!fits) problems.push({ field, problem })
  }
}

function checkAnswer({ username, answer }: HttpConfig, check: Check): void {
  const once = (username === null) !== (answer.username === null)
  check(once, 'username', 'must stand here, or as a pointer in answer: one of them')
  const plain = username === null || /^[\x21-\x39\x3b-\x7e]{1,255}$/.test(username)
  check(plain, 'username', 'must be printable ASCII without blanks and colons')
  const oneEnd = answer.expiresAt === null || answer.expiresIn === null
  check(oneEnd, 'answer.expiresIn', 'must not stand beside expiresAt')
}

/** What the requests of an entry need of one another, and of the class. */
function checkRequests(
  { rotation, mint, answer, revoke, list, timed }: HttpConfig,
  hasLife: boolean,
  check: Check,
): void {
  const exchange = rotation === 'exchange'
  // Nothing else tells the plan how soon such a credential dies, and with that, which schedules hold.
  check(!exchange || hasLife, 'ttl', 'is missing: say how long the credentials of an exchange live')
  check(!hasLife || timed || exchange, 'ttl', `goes nowhere: put \${ttl} or \${expiresAt} into mint`)
  const made = rotation !== 'create-delete' || revoke !== null
  check(made, 'revoke', 'is missing: class create-delete revokes what it has made')
  // A source that replaces in place may give the new credential the id of the old one.
  const kept = rotation !== 'destructive' || revoke === null
  check(kept, 'revoke', 'is not for class destructive: the mint itself has killed the old credential')
  check(revoke === null || answer.id !== null, 'answer.id', 'is missing: revoke needs it')
  check(revoke === null || holds(revoke, 'id'), 'revoke', `must have \${id} in it`)
  check(list === null || revoke !== null, 'list', 'is for credentials that can be revoked')
  const byCursor = list !== null && holds(list.request, 'cursor')
  check(byCursor === ((list?.next ?? null) !== null), 'list.next', `must stand beside \${cursor}, and only there`)
  check(!byCursor || !holds(list.request, 'page'), 'list', `must have \${page} or \${cursor}, not both`)
  check(list === null || holds(mint, 'label'), 'mint', `must send \${label}, by which list finds what it made`)
}
