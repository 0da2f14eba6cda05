/** Maintenance script: writes the types under src/contract/ from the models. Run after models/compact.ts. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { generateOperations, generateTypes } from '../src/contract/generate-types.ts';
import { loadService, serviceIds } from './load.ts';

const contract = new URL('../src/contract/', import.meta.url);
mkdirSync(new URL('generated/', contract), { recursive: true });
const services = serviceIds.map(loadService);
for (const service of services) {
  writeFileSync(new URL(`generated/${service.id}.ts`, contract), generateTypes(service.model, service.id));
}
writeFileSync(new URL('operations.ts', contract), generateOperations(services));
