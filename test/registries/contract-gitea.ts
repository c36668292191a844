/** Contract cases of the provider `gitea`. */

import { gitea } from '../../src/registries/gitea.ts'
import { startGitea } from '../doubles/gitea.ts'
import { marked } from '../doubles/marks.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'

async function start({ tokens }: Bench): Promise<ServiceDouble> {
  const bot = { username: 'ecs-pull', password: marked('bot') }
  const double = await startGitea({ tokens, users: [bot], tokenText: (n) => marked(`token-${n}`) })
  return Object.assign(double, { fields: { url: double.url, root: 'root' }, secrets: { root: JSON.stringify(bot) } })
}

export const giteaCases: readonly ContractCase[] = [{ name: 'gitea, by the password of a bot', provider: gitea, start }]
