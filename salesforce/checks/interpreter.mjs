/**
 * Carries out the static methods of one Apex class, as its parse tree says: enough of Apex for a class of pure rules
 * (no query, no DML, no loop). What it does not know is an error, never a guess. Apex's null is null, List an array,
 * Map a Map, Set a Set, a record or an object a plain object; `==` compares texts without case, as Apex does.
 */
import { childrenOf, kindOf, nodes, textOf } from './findings.mjs';

const RETURNED = Symbol('returned');

/** What Apex threw; its message is the Apex exception's. */
export class ApexException extends Error {}

export class StaticClass {
    constructor(tree) {
        const [outer] = nodes(tree, (node) => kindOf(node) === 'ClassDeclaration');
        this.methods = new Map();
        this.constructors = new Map();
        this.fields = new Map();
        for (const member of membersOf(outer)) {
            if (kindOf(member) === 'MethodDeclaration') {
                this.methods.set(textOf(part(member, 'Id')), member);
            } else if (kindOf(member) === 'FieldDeclaration') {
                const [variable] = nodes(member, (node) => kindOf(node) === 'VariableDeclarator');
                this.fields.set(textOf(childrenOf(variable)[0]), { tree: childrenOf(variable)[2] });
            } else if (kindOf(member) === 'ClassDeclaration') {
                const made = membersOf(member).find((inner) => kindOf(inner) === 'ConstructorDeclaration');
                this.constructors.set(textOf(part(member, 'Id')), made ?? null);
            }
        }
    }

    call(name, ...given) {
        const method = this.methods.get(name);
        if (!method) {
            throw new Error(`there is no method ${name}`);
        }
        return this.#run(method, given, null);
    }

    #run(declaration, given, self) {
        const names = [...nodes(declaration, (node) => kindOf(node) === 'FormalParameter')].map((each) =>
            textOf(part(each, 'Id'))
        );
        if (names.length !== given.length) {
            throw new Error(`${names.length} arguments are taken, and ${given.length} given`);
        }
        const scope = new Map(names.map((name, place) => [name, given[place] ?? null]));
        scope.set('this', self);
        return this.#block(part(declaration, 'Block'), scope)?.[RETURNED] ?? null;
    }

    #block(block, scope) {
        for (const statement of childrenOf(block).slice(1, -1)) {
            const done = this.#statement(statement, scope);
            if (done) {
                return done;
            }
        }
        return null;
    }

    #statement(statement, scope) {
        const [inner] = kindOf(statement) === 'Statement' ? childrenOf(statement) : [statement];
        const parts = childrenOf(inner);
        switch (kindOf(inner)) {
            case 'Block':
                return this.#block(inner, scope);
            case 'ReturnStatement':
                return { [RETURNED]: this.#value(parts[1], scope) };
            case 'ThrowStatement':
                throw this.#value(parts[1], scope);
            case 'IfStatement':
                return this.#choose(inner, scope);
            case 'SwitchStatement':
                return this.#switch(inner, scope);
            case 'ExpressionStatement':
                this.#assign(parts[0], scope);
                return null;
            case 'LocalVariableDeclarationStatement': {
                const [variable] = nodes(inner, (node) => kindOf(node) === 'VariableDeclarator');
                const [id, , value] = childrenOf(variable);
                scope.set(textOf(id), value ? this.#value(value, scope) : null);
                return null;
            }
            default:
                throw unknown(inner);
        }
    }

    #choose(statement, scope) {
        const [, condition, then, , otherwise] = childrenOf(statement);
        if (this.#value(childrenOf(condition)[1], scope)) {
            return this.#statement(then, scope);
        }
        return otherwise ? this.#statement(otherwise, scope) : null;
    }

    #switch(statement, scope) {
        const on = this.#value(childrenOf(statement)[2], scope);
        for (const branch of childrenOf(statement).filter((node) => kindOf(node) === 'WhenControl')) {
            const [, when, block] = childrenOf(branch);
            const values = [...nodes(when, (node) => kindOf(node) === 'WhenLiteral')].map((node) =>
                literal(textOf(node))
            );
            if (textOf(when) === 'else' || values.includes(on)) {
                return this.#block(block, scope);
            }
        }
        return null;
    }

    #assign(expression, scope) {
        const [target, sign, value] = childrenOf(expression);
        if (kindOf(expression) !== 'AssignExpression' || textOf(sign) !== '=' || kindOf(target) !== 'DotExpression') {
            throw unknown(expression);
        }
        const [owner, , name] = childrenOf(target);
        this.#value(owner, scope)[textOf(name)] = this.#value(value, scope);
    }

    #value(node, scope) {
        const parts = childrenOf(node);
        const at = (place) => this.#value(parts[place], scope);
        switch (kindOf(node)) {
            case 'PrimaryExpression':
                return this.#primary(parts[0], scope);
            case 'SubExpression':
                return at(1);
            case 'NegExpression':
                return !at(1);
            case 'LogAndExpression':
                return at(0) && at(2);
            case 'LogOrExpression':
                return at(0) || at(2);
            case 'EqualityExpression':
                return isEqual(at(0), at(2)) === (textOf(parts[1]) === '==');
            case 'CmpExpression':
                return compare(textOf(parts[1]), at(0), at(2));
            case 'CondExpression':
                return at(0) ? at(2) : at(4);
            case 'Arth2Expression':
                return at(0) + at(2);
            case 'NewExpression':
                return this.#make(parts[1], scope);
            case 'MethodCallExpression': {
                const [name] = childrenOf(parts[0]);
                return this.call(textOf(name), ...this.#arguments(parts[0], scope));
            }
            case 'DotExpression':
                return this.#dot(node, scope);
            default:
                throw unknown(node);
        }
    }

    #primary(node, scope) {
        const text = textOf(node);
        if (kindOf(node) === 'LiteralPrimary') {
            return literal(text);
        }
        if (scope.has(text)) {
            return scope.get(text);
        }
        if (!this.fields.has(text)) {
            throw new Error(`there is no variable ${text}`);
        }
        const field = this.fields.get(text);
        if (!('value' in field)) {
            field.value = this.#value(field.tree, new Map());
        }
        return field.value;
    }

    #dot(node, scope) {
        const [owner, , member] = childrenOf(node);
        if (kindOf(member) === 'AnyId') {
            return this.#value(owner, scope)[textOf(member)] ?? null;
        }
        const name = textOf(part(member, 'AnyId'));
        const given = this.#arguments(member, scope);
        if (textOf(owner) === 'String' && name === 'isBlank') {
            return given[0] === null || given[0].trim() === '';
        }
        return METHODS(this.#value(owner, scope), name, given);
    }

    #arguments(call, scope) {
        const list = childrenOf(call).find((node) => kindOf(node) === 'ExpressionList');
        return list ? expressions(list).map((each) => this.#value(each, scope)) : [];
    }

    #make(creator, scope) {
        const [created, rest] = childrenOf(creator);
        if (kindOf(rest) === 'SetCreatorRest') {
            const values = expressions(rest).map((each) => this.#value(each, scope));
            return /^Set</i.test(textOf(created)) ? new Set(values) : values;
        }
        if (kindOf(rest) === 'MapCreatorRest') {
            const pairs = childrenOf(rest).filter((node) => kindOf(node) === 'MapCreatorRestPair');
            return new Map(
                pairs.map((pair) => [this.#value(childrenOf(pair)[0], scope), this.#value(childrenOf(pair)[2], scope)])
            );
        }
        const list = [...nodes(rest, (node) => kindOf(node) === 'ExpressionList')][0];
        const given = list ? expressions(list) : [];
        const name = textOf(created);
        if (!this.constructors.has(name)) {
            return Object.fromEntries(given.map((each) => this.#named(each, scope)));
        }
        const declared = this.constructors.get(name);
        const values = given.map((each) => this.#value(each, scope));
        if (!declared) {
            return new ApexException(values[0]);
        }
        const made = {};
        this.#run(declared, values, made);
        return made;
    }

    #named(expression, scope) {
        const [name, , value] = childrenOf(expression);
        return [textOf(name), this.#value(value, scope)];
    }
}

function METHODS(owner, name, given) {
    const known = {
        string: {
            trim: () => owner.trim(),
            length: () => owner.length,
            replace: () => owner.replaceAll(given[0], () => given[1])
        },
        array: { contains: () => owner.includes(given[0]) },
        set: { contains: () => owner.has(given[0]) },
        map: { get: () => owner.get(given[0]) ?? null, containsKey: () => owner.has(given[0]) }
    };
    const kind = Array.isArray(owner)
        ? 'array'
        : owner instanceof Set
          ? 'set'
          : owner instanceof Map
            ? 'map'
            : typeof owner;
    if (!known[kind]?.[name]) {
        throw new Error(`${name} of ${owner === null ? 'null' : kind} is not known here`);
    }
    return known[kind][name]();
}

function membersOf(declaration) {
    return childrenOf(part(declaration, 'ClassBody'))
        .flatMap(childrenOf)
        .filter((node) => kindOf(node) === 'MemberDeclaration')
        .map((node) => childrenOf(node)[0]);
}

function part(node, kind) {
    return childrenOf(node).find((child) => kindOf(child) === kind);
}

function expressions(list) {
    return childrenOf(list).filter((node) => childrenOf(node).length > 0);
}

function literal(text) {
    if (/^'.*'$/s.test(text)) {
        return text.slice(1, -1).replace(/\\(.)/g, '$1');
    }
    const plain = { true: true, false: false, null: null }[text.toLowerCase()];
    return plain === undefined ? Number(text) : plain;
}

function isEqual(left, right) {
    return typeof left === 'string' && typeof right === 'string'
        ? left.toLowerCase() === right.toLowerCase()
        : left === right;
}

function compare(sign, left, right) {
    if (sign !== '>') {
        throw new Error(`${sign} is not known here`);
    }
    return left > right;
}

function unknown(node) {
    return new Error(`${kindOf(node)} is not known here: ${textOf(node).slice(0, 60)}`);
}
