import { createVirtualClock } from '../../src/platform/virtual-clock.ts';
import { runPairSuite } from '../../src/platform/store/port-suite-pair.ts';
import { runStoreSuite, type StoreFactory } from '../../src/platform/store/port-suite.ts';
import { sqliteStores } from '../../src/platform/store/sqlite/with-sqlite-store.ts';
import { createSimDisk } from './sim-disk.ts';
import { openSimStore } from './sim-store.ts';

const simulated: StoreFactory = {
  name: 'simulator',
  async open() {
    const disk = createSimDisk();
    const clock = createVirtualClock();
    let store = openSimStore(disk, { clock });
    return {
      store,
      async reopen() {
        await store.close();
        store = openSimStore(disk, { clock });
        return store;
      },
      end: () => store.close(),
    };
  },
};

runStoreSuite(simulated);
runPairSuite(sqliteStores, simulated);
