/** CloudFormation of moto, one stack for each resource: what it makes, what it refuses, and what it has never heard of. */

import { REGION } from './moto-server.ts'

export interface Stacks {
  /** The physical id; null = moto passes over resources of this type. Throws what it answers when it refuses. */
  create(id: string, resource: unknown): Promise<string | null>
  /** Throws when anything of it is left. */
  remove(id: string): Promise<void>
}

export function openStacks(endpoint: string): Stacks {
  const ask = async (action: string, fields: Readonly<Record<string, string>>): Promise<string> => {
    const scope = `AKIAMOTO/20261124/${REGION}/cloudformation/aws4_request`
    const headers = { authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=none` }
    const body = new URLSearchParams({ Action: action, Version: '2010-05-15', ...fields })
    const answer = await fetch(endpoint, { method: 'POST', headers, body })
    const text = await answer.text()
    if (answer.ok) return text
    throw new Error(`moto: ${action} ${fields['StackName']} ${answer.status} ${text.slice(0, 400)}`)
  }
  return {
    async create(id, resource) {
      const TemplateBody = JSON.stringify({ Resources: { [id]: resource } })
      await ask('CreateStack', { StackName: id, TemplateBody, 'Capabilities.member.1': 'CAPABILITY_NAMED_IAM' })
      const made = await ask('DescribeStackResources', { StackName: id })
      if (!made.includes('CREATE_COMPLETE')) throw new Error(`moto: ${id} ${made.slice(0, 400)}`)
      return /<PhysicalResourceId>([^<]+)<\/PhysicalResourceId>/.exec(made)?.[1] ?? null
    },
    async remove(id) {
      await ask('DeleteStack', { StackName: id })
      const left = await ask('DescribeStacks', {}).catch(() => '')
      if (left.includes(`<StackName>${id}</StackName>`) && !left.includes('DELETE_COMPLETE'))
        throw new Error(`moto: ${id} is left`)
    },
  }
}
