import { execa } from 'execa';
import { artefacts } from './build/artefacts.js';
import { classArguments } from './build/class-archive.js';
import { firstJars } from './nacos.js';

describe('the archive of classes', function () {
  this.timeout(60_000);

  for (const { name } of artefacts.filter(({ lane }) => lane === 'maven')) {
    it(`of ${name} is one that the JVM takes`, async () => {
      const jars = name.startsWith('nacos') ? firstJars : [];
      // With -Xshare:on it does not start when it cannot map the archive, or when that is of another class path.
      await execa('java', ['-Xshare:on', '-XX:+UseSerialGC', ...classArguments(name, jars), '-version']);
    });
  }
});
