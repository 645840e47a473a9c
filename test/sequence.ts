import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes ten seconds or so, by how a path begins. */
const longest = [
  'test/storage/crash.test.ts',
  'test/crash/',
  'test/power/',
  'test/packaging/pack.test.ts',
  'test/server/hostile.test.ts',
  'test/cli/',
  'conformance/clients/',
  'conformance/protocol/handshake.test.ts',
];

/** In this order. */
const projects = ['alone', 'test', 'conformance'];

/**
 * Long files first, so that at the end no worker is left alone with one. A project's files stay together, as they share
 * processes.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { root } = this.ctx.config;
    const rankOf = ({ moduleId, project }: TestSpecification): number => {
      const path = moduleId.slice(root.length + 1);
      const place = longest.findIndex((beginning) => path.startsWith(beginning));
      const placeInProject = place < 0 ? longest.length : place;
      return projects.indexOf(project.name) * (longest.length + 1) + placeInProject;
    };
    return (await super.sort(files)).sort((a, b) => rankOf(a) - rankOf(b));
  }
}
