/** Contract cases of the provider `gitlab`. */

import { gitlab } from '../../src/registries/gitlab.ts'
import { startGitlab } from '../doubles/gitlab.ts'
import { marked } from '../doubles/marks.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'

async function start({ tokens, now }: Bench, where: Readonly<Record<string, string>>): Promise<ServiceDouble> {
  const root = marked('root')
  const double = await startGitlab({
    tokens,
    now,
    access: [{ token: root, scopes: ['api'], sees: ['acme'], manages: ['acme'] }],
    tokenText: (n) => marked(`deploy-${n}`),
  })
  return Object.assign(double, { fields: { url: double.url, root: 'root', ...where }, secrets: { root } })
}

export const gitlabCases: readonly ContractCase[] = [
  { name: 'gitlab, a project', provider: gitlab, ttl: 3600, start: (bench) => start(bench, { project: 'acme/app' }) },
  { name: 'gitlab, a group', provider: gitlab, ttl: 3600, start: (bench) => start(bench, { group: 'acme' }) },
]
