/** The workflow that `init` writes: examples/rotate.yml, as a test compares, for one Region and plan. */

export function firstWorkflow(region: string, plan: string): string {
  return `name: Rotate registry credentials
on:
  schedule: [{ cron: '17 3 * * *' }]
  workflow_dispatch:
permissions: {}
concurrency: { group: ecs-pull-auth, cancel-in-progress: false }
jobs:
  rotate:
    name: Rotate, reload, retire
    runs-on: ubuntu-24.04
    permissions:
      contents: read # the plan
      id-token: write # the AWS role, and registries that trust GitHub
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with: { persist-credentials: false }
      - uses: aws-actions/configure-aws-credentials@e6de054238d6b7531b4efff3b6587d9aade6a06c # v6.2.3
        with: { role-to-assume: '\${{ vars.ROLE }}', aws-region: ${region} }
      - uses: ecs-pull-auth/ecs-pull-auth@v0
        with: { plan: ${plan} }
`
}
