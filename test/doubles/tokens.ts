/** The living credentials of a registry, shared by the token API that makes them and the registry that checks them. */

export interface Account {
  readonly username: string
  readonly password: string
  /** Repositories it may pull: `acme/app`, `acme/*` or `*`. Empty: it may log in and nothing else. */
  readonly pulls: readonly string[]
  /** Milliseconds since 1970; null = never. */
  readonly expiresAt: number | null
}

export interface TokenStore {
  /** Adds an account and returns its id. One user name may have several passwords at once. */
  add(account: Account): number
  /** false when there is none (any more). */
  remove(id: number): boolean
  /** The account of a user name and a password that are right and not expired. */
  login(username: string, password: string): Account | null
}

export function createTokenStore(now: () => number = Date.now): TokenStore {
  const accounts = new Map<number, Account>()
  let lastId = 0
  return {
    add(account) {
      lastId += 1
      accounts.set(lastId, account)
      return lastId
    },
    remove: (id) => accounts.delete(id),
    login(username, password) {
      const alive = ({ expiresAt }: Account) => expiresAt === null || expiresAt > now()
      const found = [...accounts.values()].find((one) => one.username === username && one.password === password)
      return found !== undefined && alive(found) ? found : null
    },
  }
}

export function matchesRepository(patterns: readonly string[], repository: string): boolean {
  return patterns.some((pattern) => {
    if (pattern === '*' || pattern === repository) return true
    return pattern.endsWith('/*') && repository.startsWith(pattern.slice(0, -1))
  })
}
