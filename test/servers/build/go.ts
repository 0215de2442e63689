import { join } from 'node:path';
import type { Artefact } from './artefact.js';

const FLAGS = ['-trimpath', '-buildvcs=false'];
const STRIP = '-s -w';

/** An artefact with one binary, built from the module folder of the artefact's name under test/servers. */
export function goModuleArtefact(options: { readonly name: string; readonly version: string }): Artefact {
  const { name, version } = options;
  return {
    name,
    version,
    lane: 'go',
    inputs: [name],
    recipe: [version, ...FLAGS, STRIP].join(' '),
    async build(context) {
      const args = ['build', ...FLAGS, '-ldflags', STRIP, '-o', join(context.outDir, name), '.'];
      await context.run('go', args, { cwd: join(context.sourceDir, name) });
    },
  };
}

/**
 * Kubernetes' API server and its store, from one module, and the resource definitions of Istio. The module takes the
 * versions that Istio has of what both use, so that the build of istiod has compiled a large part of it already.
 */
export function kubeArtefact(options: { readonly name: string; readonly version: string }): Artefact {
  const { name, version } = options;
  const [major, minor] = version.split('.');
  const variables = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor };
  const ldflags = [
    STRIP,
    ...Object.entries(variables).map(([key, value]) => `-X k8s.io/component-base/version.${key}=${value}`),
  ].join(' ');
  return {
    name,
    version,
    lane: 'go',
    inputs: [name],
    recipe: [version, ...FLAGS, ldflags].join(' '),
    async build(context) {
      const go = (...args: string[]) => context.run('go', args, { cwd: join(context.sourceDir, name) });
      await go('run', ...FLAGS, './crds', join(context.outDir, 'istio-crds.yaml'));
      await go('build', ...FLAGS, '-ldflags', ldflags, '-o', context.outDir, './etcd', './kube-apiserver');
    },
  };
}

/** An artefact with one binary, installed straight from a module's main package at a pinned version. */
export function goInstallArtefact(options: {
  readonly name: string;
  readonly version: string;
  readonly packagePath: string;
  readonly moduleVersion: string;
  /** Package variables set at link time, such as a version string. */
  readonly variables?: Readonly<Record<string, string>>;
}): Artefact {
  const { name, version, packagePath, moduleVersion, variables = {} } = options;
  const ldflags = [STRIP, ...Object.entries(variables).map(([key, value]) => `-X ${key}=${value}`)].join(' ');
  const target = `${packagePath}@${moduleVersion}`;
  return {
    name,
    version,
    lane: 'go',
    inputs: [],
    recipe: [target, ...FLAGS, ldflags].join(' '),
    async build(context) {
      await context.run('go', ['install', ...FLAGS, '-ldflags', ldflags, target], {
        // Outside any module, and with the binary put where the cache wants it.
        cwd: context.workDir,
        env: { GOBIN: context.outDir },
      });
    },
  };
}
