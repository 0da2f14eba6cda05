import type { ParameterDefinition, ParameterType } from './definition/language.ts';
import { createExpression, type Expression, type Scalar } from './expressions.ts';

/** A value that whoever starts the pipeline may choose. */
export interface Parameter<out T extends Scalar = Scalar> extends Expression<T> {
  readonly name: string;
  readonly definition: ParameterDefinition;
}

export interface ParameterOptions<T extends Scalar> {
  /** Without it, the value must be given at every start. */
  defaultValue?: T;
  /** The values allowed; any of the type when absent. */
  enumValues?: readonly T[];
}

export function stringParameter(name: string, options: ParameterOptions<string> = {}): Parameter<string> {
  return createParameter<string>(name, 'String', options);
}

export function integerParameter(name: string, options: ParameterOptions<number> = {}): Parameter<number> {
  return createParameter<number>(name, 'Integer', options);
}

export function floatParameter(name: string, options: ParameterOptions<number> = {}): Parameter<number> {
  return createParameter<number>(name, 'Float', options);
}

export function booleanParameter(
  name: string,
  options: Pick<ParameterOptions<boolean>, 'defaultValue'> = {},
): Parameter<boolean> {
  return createParameter<boolean>(name, 'Boolean', options);
}

function createParameter<T extends Scalar>(name: string, type: ParameterType, options: ParameterOptions<T>): Parameter<T> {
  const definition: ParameterDefinition = {
    Name: name,
    Type: type,
    ...(options.defaultValue === undefined ? {} : { DefaultValue: options.defaultValue }),
    ...(options.enumValues === undefined ? {} : { EnumValues: [...options.enumValues] }),
  };
  const expression = createExpression<T>(() => ({ Get: `Parameters.${name}` }), type === 'String');
  return { ...expression, name, definition };
}
