/** The direction rules of the tree: who may import whom. `npm run check` enforces them. */
const adapterOf = '^adapters/([^/]+)/';
const sinkOf = '^sinks/([^/]+)/';

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'model-imports-nothing',
      severity: 'error',
      from: { path: '^core/model/' },
      to: { pathNot: '^core/model/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'core-imports-core',
      severity: 'error',
      from: { path: '^core/' },
      to: { path: '^(clients|adapters|sinks|cli|testkit|test|bench|proto)/' },
    },
    {
      name: 'clients-import-core',
      severity: 'error',
      from: { path: '^clients/' },
      to: { path: '^(adapters|sinks|cli|testkit|test|bench)/' },
    },
    {
      name: 'adapters-import-core',
      severity: 'error',
      from: { path: '^adapters/' },
      to: { path: '^(sinks|cli|testkit|test|bench)/' },
    },
    {
      name: 'no-adapter-imports-an-adapter',
      severity: 'error',
      from: { path: adapterOf },
      to: { path: adapterOf, pathNot: '^adapters/($1|dubbo)/' },
    },
    {
      name: 'sinks-import-core',
      severity: 'error',
      from: { path: '^sinks/' },
      to: { path: '^(adapters|cli|testkit|test|bench)/' },
    },
    {
      name: 'no-sink-imports-a-sink',
      severity: 'error',
      from: { path: sinkOf },
      to: { path: sinkOf, pathNot: '^sinks/($1|istio|grpc)/' },
    },
    {
      name: 'testkit-imports-core',
      severity: 'error',
      from: { path: '^testkit/' },
      to: { path: '^(clients|adapters|sinks|cli|test|bench)/' },
    },
    {
      name: 'only-wire-sees-both',
      severity: 'error',
      from: { path: '^cli/', pathNot: '^cli/wire\\.ts$' },
      to: { path: '^(clients|adapters|sinks)/' },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'run-time-only',
      severity: 'error',
      from: { path: '^(core|clients|adapters|sinks|cli)/' },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js', '.cjs', '.mjs', '.json'],
    },
  },
};
