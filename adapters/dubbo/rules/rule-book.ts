import type { ServiceRecords } from '../service.js';

/** What a rule is about, so that the adapter knows what to publish again. */
export type RuleTarget =
  | { readonly kind: 'interface'; readonly interfaceName: string }
  | { readonly kind: 'application'; readonly application: string };

/** Where URLs of rules stand below an interface. */
export type RuleCategory = 'configurators' | 'routers';

/** The rules of a registry and its config centre, and their effect on providers. Does no I/O; never throws. */
export class RuleBook {
  /**
   * The complete children of `<root>/<interface>/configurators` or `…/routers`, as they are named.
   * @returns whether anything changed
   */
  setUrls(_interfaceName: string, _category: RuleCategory, _childNames: readonly string[]): boolean {
    return false;
  }

  /**
   * A rule of the config centre (ZooKeeper: `<root>/config/dubbo/<dataId>`; Nacos: group `dubbo`), as
   * `com.foo.Api:1.0.0:g1.configurators` or `shop.tag-router`; `text` undefined when it is gone.
   * @returns what it is about when it changed; undefined for what is no rule, or unchanged
   */
  setConfig(_dataId: string, _text: string | undefined): RuleTarget | undefined {
    return undefined;
  }

  /** The data ids that {@link setConfig} holds, so that what a listing lacks can be taken out. */
  get dataIds(): Iterable<string> {
    return [];
  }

  /** The records with what the rules make of their providers, and with the rules themselves. */
  apply(records: ServiceRecords): ServiceRecords {
    return records;
  }
}
